"""The rules that recognise credentials: data only.

Formats are their issuers' published ones. A ``pattern`` is a bytes regular expression in the
subset that ``re`` and Hyperscan read alike (no look-around, no back-references, no ``^`` or
``$``), starts with something literal where it can, and matches at most a few kilobytes. The
secret itself is its first group, or all of it. Every text that a pattern matches contains one of
its ``keywords`` (compared without regard to case), which is how most text is dismissed cheaply.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Rule(NamedTuple):
    """One kind of credential.

    ``entropy`` is the least Shannon entropy of the secret in bits a character, ``check`` names a
    function of :mod:`imgforge.secrets.confirm` that must agree. ``bounded`` requires that no
    letter or digit touches the match on either side. ``config_only`` rules are too common in
    documentation and program text: they count in values and in configuration files. ``hint`` is a
    simpler pattern, matching wherever ``pattern`` does, for those that Hyperscan finds too large.
    """

    id: str
    title: str
    pattern: str
    keywords: tuple[str, ...]
    entropy: float = 3.0
    check: str = ""
    bounded: bool = True
    config_only: bool = False
    hint: str = ""


_B64 = "[A-Za-z0-9+/]"
_URL64 = "[A-Za-z0-9_-]"
_JOINT = r"(?:\\r|\\n|[\s\"'+,;:\\(){}]|\x23)"
_BREAK = f"{_JOINT}{{1,40}}"
# A header ends where its line does and nowhere else: were a space enough, one kilobyte could be
# divided into headers in more ways than could ever be tried.
_HEADER = rf"[A-Za-z-]{{2,24}}: ?[^\n\\]{{1,120}}(?:\n|\\[rn]){_JOINT}{{0,40}}"
_HEADERS = f"(?:{_HEADER}){{0,6}}"

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "private-key",
        "private key",
        rf"-----BEGIN (?:[A-Z0-9]{{2,12}} ){{0,2}}PRIVATE KEY(?: BLOCK)?-----{_BREAK}"
        rf"{_HEADERS}({_B64}{{40,76}})",
        ("private key",),
        3.5,
        "unpublished",
        bounded=False,
        hint="-----BEGIN [A-Z0-9 ]{0,26}PRIVATE KEY",
    ),
    # A whole PEM file in base64, as Kubernetes has it: "PRIVATE KEY-" at one of three alignments.
    Rule(
        "encoded-private-key",
        "private key in base64",
        rf"LS0tLS1CRUdJTi{_B64}{{0,32}}(?:UFJJVkFURSBLRVkt|BSSVZBVEUgS0VZL|QUklWQVRFIEtFWS)"
        rf"{_B64}{{60,8000}}={{0,2}}",
        ("ls0tls1crudjti",),
        3.5,
        "encoded",
        hint="LS0tLS1CRUdJTi",
    ),
    Rule(
        "age-secret-key",
        "age secret key",
        "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
        ("age-secret-key-1",),
    ),
    Rule(
        "putty-private-key",
        "PuTTY private key",
        rf"PuTTY-User-Key-File-[123]: [^\n]{{1,80}}\n(?:[A-Za-z-]{{2,24}}:[^\n]{{0,200}}\n|"
        rf"{_B64}{{1,76}}={{0,2}}\r?\n){{1,60}}Private-Lines: [0-9]{{1,4}}\r?\n({_B64}{{16,76}})",
        ("putty-user-key-file-",),
        hint="PuTTY-User-Key-File-[123]: ",
    ),
    # Amazon Web Services: identifiers in base 32 (IAM user guide, unique identifiers).
    Rule(
        "aws-access-key-id",
        "AWS access key id",
        "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
        ("akia", "asia", "abia", "acca"),
        3.0,
        "aws-key",
    ),
    Rule(
        "aws-secret-access-key",
        "AWS secret access key",
        r"(?i:aws_?(?:secret)?_?(?:access)?_?key|secret_?access_?key)[\"']?\s{0,8}(?:=|:|=>)"
        r"\s{0,8}[\"']?([A-Za-z0-9/+]{40})",
        ("aws", "secretaccesskey", "secret_accesskey", "secretaccess_key", "secret_access_key"),
        4.2,
    ),
    Rule(
        "aws-bedrock-key",
        "AWS Bedrock API key",
        "ABSK[A-Za-z0-9+/]{109,269}={0,2}",
        ("absk",),
        4.0,
    ),
    # Google.
    Rule("gcp-api-key", "Google API key", f"AIza{_URL64}{{35}}", ("aiza",), 4.0),
    Rule("gcp-oauth-secret", "Google OAuth client secret", f"GOCSPX-{_URL64}{{28}}", ("gocspx-",)),
    Rule(
        "gcp-oauth-refresh-token",
        "Google OAuth refresh token",
        rf"1//0[0-9a-zA-Z]{_URL64}{{60,120}}",
        ("1//0",),
        4.0,
    ),
    # Microsoft Azure.
    Rule(
        "azure-client-secret",
        "Azure client secret",
        r"[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
        ("7q~", "8q~"),
        4.0,
    ),
    Rule(
        "azure-storage-key",
        "Azure storage or service key",
        rf"(?:AccountKey|SharedAccessKey|AccessKey)=({_B64}{{43,86}}={{1,2}})",
        ("accountkey=", "sharedaccesskey=", "accesskey="),
        4.0,
    ),
    Rule(
        "azure-devops-token",
        "Azure DevOps personal access token",
        "[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}",
        ("azdo",),
        4.0,
    ),
    Rule(
        "azure-sas",
        "Azure shared access signature",
        r"[?&]sv=20[0-9]{2}-[0-9]{2}-[0-9]{2}&[a-zA-Z0-9%&=:.,_-]{10,300}sig="
        r"([A-Za-z0-9%+/]{43,60}(?:=|%3[Dd]))",
        ("sv=20",),
        3.8,
        bounded=False,
    ),
    # Code forges. GitHub's checksum: its engineering blog of 2021-04-05; ghs_ carries none.
    Rule(
        "github-token",
        "GitHub token",
        "gh[pour]_[A-Za-z0-9]{36}",
        ("ghp_", "gho_", "ghu_", "ghr_"),
        3.0,
        "crc32-base62",
    ),
    Rule(
        "github-app-token",
        "GitHub app installation token",
        "ghs_[A-Za-z0-9]{36}",
        ("ghs_",),
        4.0,
    ),
    Rule(
        "github-fine-grained-token",
        "GitHub fine-grained token",
        "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
        ("github_pat_",),
        4.0,
    ),
    Rule(
        "gitlab-token",
        "GitLab token",
        rf"gl(?:pat|dt|rt|ptt|ft|imt|agent|oas|soat|ffct|cbt)-{_URL64}{{20,64}}"
        r"(?:\.[0-9a-z]{2,3}[0-9a-z]{7,9})?",
        (
            *("glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-"),
            *("glsoat-", "glffct-", "glcbt-"),
        ),
        3.5,
    ),
    Rule(
        "bitbucket-token",
        "Bitbucket access token",
        rf"ATCTT3xFfGN0{_URL64}{{60,400}}(?:={{1,2}}[A-F0-9]{{8}})?",
        ("atctt3xffgn0",),
        4.0,
    ),
    Rule(
        "atlassian-token",
        "Atlassian API token",
        rf"ATATT3xFfGF0{_URL64}{{60,400}}={{0,2}}[A-F0-9]{{8}}",
        ("atatt3xffgf0",),
        4.0,
    ),
    # Package registries.
    Rule("npm-token", "npm token", "npm_[A-Za-z0-9]{36}", ("npm_",), 3.0, "crc32-base62"),
    Rule(
        "npm-auth",
        "npm registry credential",
        r"_(?:authToken|auth|password)\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9+/=_.-]{16,400})",
        ("_auth", "_password"),
        3.5,
        config_only=True,
    ),
    # A macaroon whose location identifier is encoded in the fixed part.
    Rule(
        "pypi-token",
        "PyPI token",
        f"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZ){_URL64}{{50,400}}",
        ("pypi-age",),
        4.0,
    ),
    Rule("rubygems-token", "RubyGems token", "rubygems_[a-f0-9]{48}", ("rubygems_",)),
    Rule("crates-token", "crates.io token", "cio[A-Za-z0-9]{32}", ("cio",), 4.2),
    Rule("nuget-key", "NuGet API key", "oy2[a-z0-9]{43}", ("oy2",), 4.0),
    Rule("docker-token", "Docker Hub token", f"dckr_[po]at_{_URL64}{{27,32}}", ("dckr_",), 3.5),
    Rule(
        "docker-config-auth",
        "Docker registry credential",
        rf"\"auth\"\s{{0,8}}:\s{{0,8}}\"({_B64}{{12,400}}={{0,2}})\"",
        ('"auth"',),
        3.0,
        "basic-auth",
        bounded=False,
        config_only=True,
    ),
    Rule(
        "artifactory-token",
        "Artifactory token",
        "(?:AKCp[A-Za-z0-9]{69}|cmVmdGtuO[A-Za-z0-9]{55})",
        ("akcp", "cmvmdgtuo"),
        4.0,
    ),
    # Chat and mail.
    Rule(
        "slack-token",
        "Slack token",
        "xox(?:[bpsr]|e)-(?:[0-9]{8,14}-){1,3}[A-Za-z0-9]{20,64}",
        ("xoxb-", "xoxp-", "xoxs-", "xoxr-", "xoxe-"),
        3.2,
    ),
    Rule(
        "slack-app-token",
        "Slack app token",
        "xapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{10,14}-[a-f0-9]{60,70}",
        ("xapp-",),
        3.0,
    ),
    Rule(
        "slack-webhook",
        "Slack webhook",
        "hooks[.]slack[.]com/(?:services|workflows|triggers)/"
        "([TE][A-Z0-9]{8,12}/[A-Z0-9]{8,14}/[A-Za-z0-9]{20,32})",
        ("hooks.slack.com/",),
        3.5,
    ),
    Rule(
        "discord-webhook",
        "Discord webhook",
        rf"discord(?:app)?[.]com/api/webhooks/([0-9]{{17,20}}/{_URL64}{{60,80}})",
        ("/api/webhooks/",),
        4.0,
    ),
    Rule(
        "telegram-token",
        "Telegram bot token",
        rf"[0-9]{{8,10}}:AA{_URL64}{{33}}",
        (":aa",),
        4.2,
    ),
    Rule(
        "sendgrid-key",
        "SendGrid API key",
        rf"SG[.]{_URL64}{{22}}[.]{_URL64}{{43}}",
        ("sg.",),
        4.0,
    ),
    Rule("mailchimp-key", "Mailchimp API key", "[a-f0-9]{32}-us[0-9]{1,2}", ("-us",), 3.2),
    Rule(
        "brevo-key",
        "Brevo key",
        "x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        ("xkeysib-", "xsmtpsib-"),
    ),
    Rule(
        "mailgun-key",
        "Mailgun API key",
        r"(?i:mailgun)[^\n]{0,60}[^A-Za-z0-9_-](key-[a-f0-9]{32})",
        ("mailgun",),
    ),
    Rule(
        "teams-webhook",
        "Microsoft Teams webhook",
        "[.]webhook[.]office[.]com/webhookb2/"
        "([a-f0-9-]{36}@[a-f0-9-]{36}/IncomingWebhook/[a-f0-9]{32}/[a-f0-9-]{36})",
        (".webhook.office.com/",),
        bounded=False,
    ),
    # Payment.
    Rule(
        "stripe-key",
        "Stripe key",
        "[sr]k_live_[A-Za-z0-9]{20,247}",
        ("sk_live_", "rk_live_"),
        3.5,
    ),
    Rule("stripe-webhook", "Stripe webhook secret", "whsec_[A-Za-z0-9+/]{32,64}", ("whsec_",), 3.8),
    Rule(
        "square-token",
        "Square token",
        f"(?:sq0atp-{_URL64}{{22}}|sq0csp-{_URL64}{{43}})",
        ("sq0atp-", "sq0csp-"),
        3.5,
    ),
    Rule(
        "shopify-token",
        "Shopify token",
        "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
    ),
    Rule("duffel-token", "Duffel token", f"duffel_live_{_URL64}{{43}}", ("duffel_live_",), 4.0),
    Rule("easypost-key", "EasyPost API key", "EZAK[A-Za-z0-9]{54}", ("ezak",), 4.0),
    Rule("flutterwave-key", "Flutterwave key", "FLWSECK-[a-z0-9]{32,48}-X", ("flwseck-",)),
    Rule("shippo-token", "Shippo token", "shippo_live_[a-f0-9]{40}", ("shippo_live_",)),
    Rule(
        "braintree-token",
        "Braintree access token",
        "access_token[$]production[$][a-z0-9]{16}[$][a-f0-9]{32}",
        ("access_token$production$",),
    ),
    # Models.
    Rule(
        "openai-key",
        "OpenAI API key",
        rf"sk-(?:proj-|svcacct-|admin-)?{_URL64}{{20,80}}T3BlbkFJ{_URL64}{{20,80}}",
        ("t3blbkfj",),
        4.0,
    ),
    Rule(
        "anthropic-key",
        "Anthropic API key",
        rf"sk-ant-(?:api|admin)[0-9]{{2}}-{_URL64}{{80,120}}",
        ("sk-ant-",),
        4.0,
    ),
    Rule("huggingface-token", "Hugging Face token", "hf_[A-Za-z]{34}", ("hf_",), 4.0),
    Rule("replicate-token", "Replicate token", "r8_[A-Za-z0-9]{37}", ("r8_",), 4.0),
    Rule("nvidia-key", "NVIDIA API key", f"nvapi-{_URL64}{{60,70}}", ("nvapi-",), 4.0),
    Rule("perplexity-key", "Perplexity API key", "pplx-[A-Za-z0-9]{48}", ("pplx-",), 4.0),
    Rule("xai-key", "xAI API key", "xai-[A-Za-z0-9]{70,90}", ("xai-",), 4.0),
    Rule(
        "langsmith-key",
        "LangSmith API key",
        "lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
        ("lsv2_",),
    ),
    Rule("groq-key", "Groq API key", "gsk_[A-Za-z0-9]{52}", ("gsk_",), 4.0),
    # Infrastructure.
    Rule(
        "vault-token",
        "HashiCorp Vault token",
        f"hv[sbr][.]{_URL64}{{24,200}}",
        ("hvs.", "hvb.", "hvr."),
        4.0,
    ),
    Rule(
        "terraform-token",
        "Terraform Cloud token",
        f"[A-Za-z0-9]{{14}}[.]atlasv1[.]{_URL64}{{60,70}}",
        (".atlasv1.",),
        4.0,
    ),
    Rule(
        "digitalocean-token",
        "DigitalOcean token",
        "do[opr]_v1_[a-f0-9]{64}",
        ("doo_v1_", "dop_v1_", "dor_v1_"),
    ),
    Rule(
        "cloudflare-origin-key",
        "Cloudflare origin CA key",
        "v1[.]0-[a-f0-9]{24}-[a-f0-9]{146}",
        ("v1.0-",),
    ),
    Rule("heroku-key", "Heroku API key", f"HRKU-AA{_URL64}{{58}}", ("hrku-aa",), 4.0),
    Rule(
        "fly-token",
        "Fly.io token",
        rf"(?:fo1_[A-Za-z0-9_-]{{43}}|fm[12][ar]?_{_B64}{{100,400}})",
        ("fo1_", "fm1_", "fm2_", "fm1a_", "fm1r_", "fm2a_", "fm2r_"),
        4.0,
    ),
    Rule("databricks-token", "Databricks token", "dapi[a-f0-9]{32}(?:-[0-9])?", ("dapi",), 3.2),
    Rule("doppler-token", "Doppler token", "dp[.][a-z]{2,7}[.][A-Za-z0-9]{40,44}", ("dp.",), 4.0),
    Rule("pulumi-token", "Pulumi token", "pul-[a-f0-9]{40}", ("pul-",)),
    Rule(
        "planetscale-token",
        "PlanetScale credential",
        r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,64}",
        ("pscale_",),
        4.0,
    ),
    Rule("supabase-token", "Supabase token", "sbp_[a-f0-9]{40}", ("sbp_",)),
    Rule("alibaba-key-id", "Alibaba Cloud access key id", "LTAI[A-Za-z0-9]{20}", ("ltai",), 4.0),
    Rule("tencent-key-id", "Tencent Cloud secret id", "AKID[A-Za-z0-9]{32}", ("akid",), 4.0),
    # Observation and tools.
    Rule(
        "grafana-token",
        "Grafana token",
        f"(?:glsa_[A-Za-z0-9]{{32}}_[A-Fa-f0-9]{{8}}|glc_{_B64}{{32,400}}={{0,2}})",
        ("glsa_", "glc_"),
        3.8,
    ),
    Rule(
        "newrelic-key",
        "New Relic key",
        "(?:NRAK-[A-Z0-9]{27}|NRII-[A-Za-z0-9-]{32}|NRAA-[a-f0-9]{27})",
        ("nrak-", "nrii-", "nraa-"),
        3.2,
    ),
    Rule(
        "sentry-token",
        "Sentry token",
        rf"(?:sntrys_eyJ{_B64}{{60,400}}={{0,2}}_{_B64}{{43}}|sntryu_[a-f0-9]{{64}})",
        ("sntrys_", "sntryu_"),
    ),
    Rule(
        "dynatrace-token",
        "Dynatrace token",
        "dt0c01[.][A-Z0-9]{24}[.][A-Z0-9]{64}",
        ("dt0c01.",),
        3.5,
    ),
    Rule("linear-key", "Linear API key", "lin_(?:api|oauth)_[A-Za-z0-9]{40,64}", ("lin_",), 4.0),
    Rule("notion-token", "Notion token", "ntn_[0-9]{11}[A-Za-z0-9]{35}", ("ntn_",), 4.0),
    Rule("postman-key", "Postman API key", "PMAK-[a-f0-9]{24}-[a-f0-9]{34}", ("pmak-",)),
    Rule(
        "tailscale-key",
        "Tailscale key",
        "tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{24,64}",
        ("tskey-",),
        3.8,
    ),
    Rule(
        "1password-token",
        "1Password service account token",
        f"ops_eyJ{_B64}{{250,2000}}={{0,3}}",
        ("ops_eyj",),
        4.0,
        hint="ops_eyJ",
    ),
    Rule("clojars-token", "Clojars token", "CLOJARS_[A-Za-z0-9]{60}", ("clojars_",), 3.8),
    Rule("figma-token", "Figma token", f"figd_{_URL64}{{40}}", ("figd_",), 4.0),
    Rule("frameio-token", "Frame.io token", f"fio-u-{_URL64}{{64}}", ("fio-u-",), 4.0),
    Rule(
        "harness-token",
        "Harness token",
        rf"[ps]at[.]{_URL64}{{22}}[.][0-9a-f]{{24}}[.][A-Za-z0-9]{{20}}",
        ("pat.", "sat."),
        4.0,
    ),
    Rule("infracost-key", "Infracost API key", "ico-[A-Za-z0-9]{32}", ("ico-",), 4.0),
    Rule("octopus-key", "Octopus Deploy API key", "API-[A-Z0-9]{26}", ("api-",), 3.8),
    Rule("prefect-key", "Prefect API key", "pn[ub]_[A-Za-z0-9]{36}", ("pnu_", "pnb_"), 4.0),
    Rule("readme-key", "ReadMe API key", "rdme_[a-z0-9]{70}", ("rdme_",), 3.8),
    Rule(
        "sourcegraph-token",
        "Sourcegraph token",
        "sgp_(?:(?:[a-f0-9]{16}|local)_)?[a-f0-9]{40}",
        ("sgp_",),
    ),
    Rule("sonar-token", "SonarQube token", "sq[apu]_[a-f0-9]{40}", ("sqa_", "sqp_", "squ_")),
    Rule(
        "buildkite-token",
        "Buildkite token",
        "bk(?:ua|at|ct)_[a-f0-9]{40}",
        ("bkua_", "bkat_", "bkct_"),
    ),
    # General forms.
    Rule(
        "jwt",
        "JSON web token",
        rf"eyJ{_URL64}{{14,200}}[.]eyJ{_URL64}{{14,6000}}[.]{_URL64}{{27,1500}}",
        ("eyj",),
        4.0,
        "jwt",
        hint=rf"eyJ{_URL64}{{14,200}}[.]eyJ",
    ),
    Rule(
        "authorization",
        "credential for an Authorization header",
        r"(?i:authorization[\"']?\s{0,4}[:=,]\s{0,4}[\"']?(?:bearer|basic|token)\s{1,4})"
        r"([A-Za-z0-9._~+/-]{20,2000}={0,2})",
        ("authorization",),
        3.5,
        "varied",
        bounded=False,
        config_only=True,
    ),
    Rule(
        "curl-login",
        "login that curl is given",
        r"curl[^\n|;&]{0,60}?\s(?:-u|--user)[ =]?[\"']?[A-Za-z0-9_.@-]{1,64}:"
        r"([^\s\"'`<>{}()\x24|\\]{6,100})",
        ("curl",),
        2.0,
        "password",
        bounded=False,
        config_only=True,
    ),
    Rule(
        "connection-string",
        "password in a connection string",
        r"(?i:[;\"']\s{0,4}(?:password|pwd)\s{0,2}=\s{0,2})([^\s;\"'<>{}()\x24]{6,100})[;\"']",
        ("password", "pwd"),
        2.8,
        "password",
        bounded=False,
        config_only=True,
    ),
    Rule(
        "url-password",
        "password in a URL",
        r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[A-Za-z0-9_.%+-]{0,64}:([^\s:/@\"'`<>{}()\[\]|,\\]{6,100})"
        r"@[A-Za-z0-9_\[][A-Za-z0-9_.:\[\]-]{0,200}",
        ("://",),
        2.0,
        "password",
        bounded=False,
        config_only=True,
    ),
)
