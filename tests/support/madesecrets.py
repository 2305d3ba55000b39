"""Credentials that never were: put together here so that no file holds one that looks real."""

from __future__ import annotations

import base64
import json
import random
import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_random = random.Random(20260101)  # noqa: S311 - repeatable, and nobody's secret


def letters(count: int, alphabet: str = BASE62) -> str:
    """Return random characters in which no sample text can occur."""
    return "".join(_random.choice(alphabet) for _ in range(count))


def checked(prefix: str) -> str:
    """Return a token with GitHub's checksum."""
    body = letters(30)
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = BASE62[digit] + digits
    return prefix + body + digits


def pem(kind: str = "RSA ", joint: str = "\n") -> str:
    """Return something shaped like a private key."""
    body = joint.join(letters(64) for _ in range(12))
    return f"-----BEGIN {kind}PRIVATE KEY-----{joint}{body}{joint}-----END {kind}PRIVATE KEY-----"


def jwt(**claims: object) -> str:
    """Return a token with a made-up signature."""
    body = {"iss": "acme", "exp": 1893456000, **claims}
    said = {key: value for key, value in body.items() if value is not None}
    parts = [{"alg": "HS256", "typ": "JWT"}, said]
    coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*coded, letters(43)])


HEX, LOWER, UPPER = "0123456789abcdef", string.ascii_lowercase, string.ascii_uppercase
BASE32 = UPPER + "234567"
LOW36, UP36 = LOWER + string.digits, UPPER + string.digits


def uuid() -> str:
    """Return what has the form of a UUID."""
    return "-".join(letters(count, HEX) for count in (8, 4, 4, 4, 12))


SAMPLES: dict[str, str] = {
    "private-key": pem(),
    "encoded-private-key": base64.b64encode(pem("EC ").encode()).decode(),
    "age-secret-key": "AGE-SECRET-KEY-1" + letters(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "putty-private-key": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\n"
    f"Public-Lines: 1\n{letters(64)}\nPrivate-Lines: 1\n{letters(44)}\n",
    "aws-access-key-id": "AKIA" + letters(8, BASE32) + "7" + letters(7, BASE32),
    "aws-secret-access-key": f"aws_secret_access_key = {letters(40)}",
    "aws-bedrock-key": "ABSK" + letters(120),
    "gcp-api-key": "AIza" + letters(35),
    "gcp-oauth-secret": "GOCSPX-" + letters(28),
    "gcp-oauth-refresh-token": "1//0g" + letters(70),
    "azure-client-secret": letters(3) + "8Q~" + letters(34),
    "azure-storage-key": f"AccountKey={letters(86)}==",
    "azure-devops-token": letters(76) + "AZDO" + letters(4),
    "azure-sas": f"?sv=2023-01-03&ss=b&srt=sco&sp=rl&sig={letters(43)}%3D",
    "github-token": checked("gh" + "p_"),
    "github-app-token": "gh" + "s_" + letters(36),
    "github-fine-grained-token": "github_" + "pat_" + letters(22) + "_" + letters(59),
    "gitlab-token": "glp" + "at-" + letters(20),
    "bitbucket-token": "ATCTT3xFfGN0" + letters(180) + "=" + letters(8, UP36[26:] + "ABCDEF"),
    "atlassian-token": "ATATT3xFfGF0" + letters(170) + "=" + letters(8, UP36[26:] + "ABCDEF"),
    "npm-token": checked("np" + "m_"),
    "pypi-token": "pypi-" + "AgEIcHlwaS5vcmc" + letters(120),
    "rubygems-token": "rubygems_" + letters(48, HEX),
    "crates-token": "cio" + letters(32),
    "nuget-key": "oy2" + letters(43, LOW36),
    "docker-token": "dckr_" + "pat_" + letters(27),
    "artifactory-token": "AKCp" + letters(69),
    "slack-token": "xox" + "b-" + letters(12, string.digits) + "-" + letters(24),
    "slack-app-token": "-".join(
        ("xapp", "1", f"A{letters(10, UP36)}", letters(13, string.digits), letters(64, HEX))
    ),
    "slack-webhook": "https://hooks.slack.com/services/"
    f"T{letters(8, UP36)}/B{letters(8, UP36)}/{letters(24)}",
    "discord-webhook": "https://discord.com/api/webhooks/"
    f"{letters(18, string.digits)}/{letters(68)}",
    "telegram-token": f"{letters(9, string.digits)}:AA{letters(33)}",
    "sendgrid-key": "SG" + f".{letters(22)}.{letters(43)}",
    "mailchimp-key": letters(32, HEX) + "-us12",
    "brevo-key": f"xkeysib-{letters(64, HEX)}-{letters(16)}",
    "mailgun-key": f'mailgun_key = "key-{letters(32, HEX)}"',
    "teams-webhook": "https://acme.webhook.office.com/webhookb2/"
    f"{uuid()}@{uuid()}/IncomingWebhook/{letters(32, HEX)}/{uuid()}",
    "nvidia-key": "nvapi-" + letters(64),
    "perplexity-key": "pplx-" + letters(48),
    "xai-key": "xai-" + letters(80),
    "langsmith-key": f"lsv2_pt_{letters(32, HEX)}_{letters(10, HEX)}",
    "duffel-token": "duffel_live_" + letters(43),
    "easypost-key": "EZAK" + letters(54),
    "flutterwave-key": f"FLWSECK-{letters(32, LOW36)}-X",
    "shippo-token": "shippo_live_" + letters(40, HEX),
    "1password-token": "ops_eyJ" + letters(300),
    "clojars-token": "CLOJARS_" + letters(60, LOW36),
    "figma-token": "figd_" + letters(40),
    "frameio-token": "fio-u-" + letters(64),
    "harness-token": f"pat.{letters(22)}.{letters(24, HEX)}.{letters(20)}",
    "infracost-key": "ico-" + letters(32),
    "octopus-key": "API-" + letters(26, UP36),
    "prefect-key": "pnu_" + letters(36),
    "readme-key": "rdme_" + letters(70, LOW36),
    "sourcegraph-token": "sgp_" + letters(40, HEX),
    "stripe-key": "sk_" + "live_" + letters(24),
    "stripe-webhook": "whs" + "ec_" + letters(32),
    "square-token": "sq0" + "atp-" + letters(22),
    "shopify-token": "shp" + "at_" + letters(32, HEX),
    "braintree-token": f"access_token$production${letters(16, LOW36)}${letters(32, HEX)}",
    "openai-key": "sk-" + f"proj-{letters(74)}T3BlbkFJ{letters(74)}",
    "anthropic-key": "sk-" + f"ant-api03-{letters(93)}AA",
    "huggingface-token": "hf_" + letters(34, LOWER + UPPER),
    "replicate-token": "r8_" + letters(37),
    "groq-key": "gsk_" + letters(52),
    "vault-token": "hvs." + letters(90),
    "terraform-token": f"{letters(14)}.atlasv1.{letters(64)}",
    "digitalocean-token": "dop" + "_v1_" + letters(64, HEX),
    "cloudflare-origin-key": f"v1.0-{letters(24, HEX)}-{letters(146, HEX)}",
    "heroku-key": "HRKU-AA" + letters(58),
    "fly-token": "fo1_" + letters(43),
    "databricks-token": "dapi" + letters(32, HEX),
    "doppler-token": "dp.pt." + letters(43),
    "pulumi-token": "pul-" + letters(40, HEX),
    "planetscale-token": "pscale_tkn_" + letters(43),
    "supabase-token": "sbp_" + letters(40, HEX),
    "alibaba-key-id": "LTAI" + letters(20),
    "tencent-key-id": "AKID" + letters(32),
    "grafana-token": f"glsa_{letters(32)}_{letters(8, HEX)}",
    "newrelic-key": "NRAK-" + letters(27, UP36),
    "sentry-token": "sntryu_" + letters(64, HEX),
    "dynatrace-token": f"dt0c01.{letters(24, UP36)}.{letters(64, UP36)}",
    "linear-key": "lin_api_" + letters(40),
    "notion-token": "ntn_" + letters(11, string.digits) + letters(35),
    "postman-key": f"PMAK-{letters(24, HEX)}-{letters(34, HEX)}",
    "tailscale-key": f"tskey-auth-{letters(17)}-{letters(32)}",
    "sonar-token": "sqp_" + letters(40, HEX),
    "buildkite-token": "bkua_" + letters(40, HEX),
    "jwt": jwt(),
}
"""One for each rule that applies to any text."""

CONFIG_SAMPLES: dict[str, str] = {
    "npm-auth": f"//registry.acme.test/:_authToken={letters(30)}",
    "docker-config-auth": json.dumps(
        {"auths": {"r.test": {"auth": base64.b64encode(f"ci:{letters(20)}".encode()).decode()}}}
    ),
    "authorization": f"Authorization: Bearer {letters(40)}",
    "curl-login": f"curl -s -u deploy:{letters(16)} https://acme.test/",
    "connection-string": f'<add x="Server=db;User Id=app;Password={letters(14)};" />',
    "url-password": f"DATABASE=postgres://app:{letters(16)}@db.acme.test:5432/app",
}
"""One for each rule that applies to configuration only."""
