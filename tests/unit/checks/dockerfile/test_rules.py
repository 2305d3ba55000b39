from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Iterator

import madesecrets
import pytest

from imgforge.checks import dockerfile, rules
from imgforge.checks.dockerfile import CHECKS, RULES, judge
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile import Dockerfile, parse
from imgforge.dockerfile.context import Context
from imgforge.errors import ImgforgeError
from imgforge.policy import Bases, Policy

DAY = dt.date(2026, 6, 1)
POLICY = Policy(day=DAY)
DIGEST = "a" * 64
BASE = f"debian:13@sha256:{DIGEST}"
FROM = f"FROM {BASE}\n"
GOOD = f"""\
FROM {BASE} AS build
WORKDIR /src
COPY go.mod go.sum main.go ./
RUN --network=none make app
FROM {BASE}
COPY --from=build --chmod=0555 /src/app /app
USER 65532:65532
EXPOSE 8080
HEALTHCHECK CMD ["/app", "health"]
ENTRYPOINT ["/app"]
"""


def found(
    text: str, policy: Policy = POLICY, context: Context | None = None
) -> dict[str, list[Finding]]:
    """Judge ``text``, below a FROM if it has none; return the findings by rule."""
    # Directives stay at the top.
    added = text + FROM if text.startswith("# syntax") else FROM + text
    whole = text if re.search(r"(?m)^FROM ", text) else added
    out: dict[str, list[Finding]] = {}
    for finding in judge(whole.encode(), "Dockerfile", policy, context):
        out.setdefault(finding.check, []).append(finding)
    return out


def test_a_good_dockerfile_has_no_findings() -> None:
    assert found(GOOD) == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_all_about_itself(rule: Rule) -> None:
    assert rule.title[-1] != "."
    assert rule.remedy[-1] == "."
    assert rule.why.count(". ") >= 1
    assert rule.references
    assert max(map(len, rule.example.splitlines())) <= 80


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_example_of_a_rule_shows_the_fault_and_the_cure(rule: Rule) -> None:
    policy = Policy(day=DAY, bases=Bases(allow=(("registry.example.org/base/*", "debian*"),)))
    filled = re.sub("<40 [^>]*>", "a" * 40, rule.example)
    filled = re.sub("sha256:<[^>]*>", f"sha256:{DIGEST}", filled)
    fault, _, cure = re.split("(?m)(^# better.*\n)", filled)
    assert rule.id in found(fault, policy)
    assert rule.id not in found(cure, policy)


def test_judging_an_image_does_not_load_what_judges_dockerfiles() -> None:
    code = "import sys, imgforge.checks; sys.exit('imgforge.checks.dockerfile' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_rules_are_among_all_rules() -> None:
    assert set(RULES) <= set(rules.RULES)


def test_ids_are_in_order() -> None:
    numbers = [rule.id for rule in RULES]
    assert numbers == sorted(set(numbers))
    assert all(re.fullmatch("IF1[0-9]{2}", number) for number in numbers)


FAULTS = {
    "IF101": [
        "USER root",
        "USER 0",
        "USER 000:5",
        "USER 4294967296",
        "ARG U=0\nUSER $U",
        "USER $U",
        "USER 5\nUSER +0",
    ],
    "IF102": ["USER app", "USER app:0", "ARG U=app\nUSER ${U}"],
    "IF103": [
        "RUN sudo a",
        "RUN a && su -c b x",
        "RUN apt-get install -y sudo",
        'CMD ["sudo", "a"]',
    ],
    "IF110": [
        "ENV DB_PASSWORD=hunter22",
        "ENV API_TOKEN abc12345",
        "ARG GITHUB_TOKEN",
        "ARG A\nENV X=1 SECRET_KEY=q1w2e3r4",
        "ONBUILD ENV DB_PASSWORD=hunter22",
    ],
    "IF111": [
        "RUN DB_PASSWORD=hunter22 a",
        "RUN curl -u a:hunter22 x",
        "RUN curl -H 'Authorization: Bearer abc123xyz' x",
        "RUN a login --password hunter22",
        "RUN sshpass -p hunter22 ssh x",
        "RUN export API_KEY='abc123xyz' && a",
    ],
    "IF112": [
        "COPY .env /app/",
        "COPY a/id_rsa b /x/",
        "ADD --chown=1 .npmrc /x",
        "COPY .ssh/config /root/.ssh/config",
        'COPY ["my key.pem", "/x"]',
        "COPY .aws /root/.aws",
        "COPY .env.production /x",
    ],
    "IF113": [
        "RUN --mount=type=secret,id=t cp /run/secrets/t /x",
        "RUN --mount=type=secret,id=t ln /run/secrets/t /x",
        "RUN --mount=type=secret,id=t,env=T echo $T > /x",
        "RUN --mount=type=secret,id=t,target=/t sh -c 'cat /t >> /x'",
        "RUN --mount=type=secret,id=t cat /run/secrets/t | tee /x",
    ],
    "IF120": ["FROM a", "FROM a:latest", "FROM a:1", "ARG T=1\nFROM a:$T"],
    "IF121": ["ARG B=a\nFROM $B", "ARG R=x/\nFROM ${R}a:1", "ARG T=1\nFROM a:$T"],
    "IF122": [
        "FROM other/x:1",
        "COPY --from=other/x:1 a b",
        "RUN --mount=from=other/x:1,target=/x a",
    ],
    "IF123": ["COPY --from=a:1 b c", "RUN --mount=from=a,target=/x b"],
    "IF124": ["# syntax=docker/dockerfile:1\nFROM a", "# syntax = someone/else:1\nFROM a"],
    "IF130": [
        "ADD https://x.org/a /a",
        "ADD http://x.org/a.tgz b /a/",
        "ARG U=https://x.org/a\nADD $U /",
    ],
    "IF131": ["ADD https://x.org/a.git#main /a", "ADD git@github.com:a/b.git /a"],
    "IF132": ["ADD a /b", "ADD . /b"],
    "IF133": [
        "RUN curl -s x | sh",
        "RUN curl x | tee y | sudo -E bash -",
        "RUN wget -O- x | python3 -",
        "RUN wget -qO - x | bash -s -- --yes",
        "RUN bash <(curl x)",
        'RUN sh -c "$(curl -fsSL x)"',
        'RUN bash -c "curl x | bash"',
        "RUN eval `wget -qO- x`",
        "RUN . <(curl x)",
        "RUN (curl x || wget -O- x) | sh",
        "RUN python -c 'import urllib.request; print(urllib.request.urlopen(\"x\").read())' | sh",
        'RUN ["sh", "-c", "curl x | sh"]',
        "RUN <<E\nset -e\ncurl x |\nsh\nE",
        "RUN curl -o /tmp/i.sh https://x.org/i.sh && sh /tmp/i.sh",
        "RUN wget https://x.org/tool && chmod +x tool && ./tool",
        "RUN curl -sL https://x.org/i.py > i.py; python3 i.py",
        "ONBUILD RUN curl x | sh",
        "RUN if true; then curl x | sh; fi",
    ],
    "IF134": [
        "RUN curl -sSLk x",
        "RUN curl --insecure x",
        "RUN wget --no-check-certificate x",
        "RUN pip install --trusted-host pypi.org a==1",
        "RUN npm config set strict-ssl false",
        "RUN apt-get install -y --allow-unauthenticated a=1",
        "RUN apt-get -y --force-yes install a=1",
        "RUN echo 'deb [trusted=yes] http://x.org/ ./' > /etc/apt/sources.list",
        "RUN apk add --allow-untrusted a.apk",
        "RUN yum install -y --nogpgcheck a-1",
        "RUN rpm -i --nosignature a.rpm",
        "RUN git -c http.sslVerify=false clone x",
        "RUN git config --global http.sslVerify false",
        "RUN GIT_SSL_NO_VERIFY=1 git clone x",
        "ENV NODE_TLS_REJECT_UNAUTHORIZED=0",
        "ENV PYTHONHTTPSVERIFY 0",
        "RUN export GIT_SSL_NO_VERIFY=true; a",
        "RUN gpg --keyserver x --recv-keys 7F438280EF8D349F",
        "RUN ssh -o StrictHostKeyChecking=no x",
        "RUN ssh-keyscan x.org >> ~/.ssh/known_hosts",
        "COPY a b\nRUN <<E\nprintf 'gpgcheck=0' >> /etc/yum.conf\nE",
    ],
    "IF135": ["RUN curl -O http://x.org/a", "RUN wget ftp://x.org/a"],
    "IF136": ["RUN curl x | tar xz", "RUN wget -O- x | gpg --dearmor > y"],
    "IF140": [
        "RUN apt-get install -y a b=1",
        "RUN apt install -qq a",
        "RUN apk add --no-cache a",
        "RUN pip install a",
        "RUN pip3 install 'a>=1'",
        "RUN python3 -m pip install -U pip",
        "RUN uv pip install a",
        "RUN npm install -g a",
        "RUN npm i -g @a/b@latest",
        "RUN yarn global add a",
        "RUN gem install a",
        "RUN go install x.org/a@latest",
        "RUN cargo install a",
        "RUN dnf install -y a",
        "RUN yum -y install a",
        "RUN zypper in -y a",
        "RUN conda install a",
        "RUN apk add --virtual .d a",
    ],
    "IF141": ["RUN apt-get update", "RUN apk update && a", "RUN apt-get update && apk add a=1"],
    "IF142": [
        "RUN apt-get -y dist-upgrade",
        "RUN apk upgrade",
        "RUN yum -y update",
        "RUN zypper dup",
    ],
    "IF143": [
        "RUN apt-get update && apt-get install a=1",
        "RUN apk add a=1",
        "RUN pip install a==1",
        "RUN dnf install a-1.0",
        "RUN zypper in a=1",
    ],
    "IF144": [
        "RUN apt-get install -y build-essential=1",
        "RUN apk add gcc musl-dev",
        "RUN yum install make-1",
    ],
    "IF150": [
        "RUN chmod 777 /a",
        "RUN chmod -R a+w /a",
        "RUN chmod o=rwx /a",
        "RUN chmod 4755 /a",
        "RUN chmod u+s /a",
        "RUN chmod g+xs /a",
        "RUN chmod +s /a",
        "RUN chmod 2755 /a",
        "RUN mkdir -m 777 /a",
        "RUN setcap cap_net_bind_service=+ep /a",
        "COPY --chmod=777 a b",
        "RUN install -m 4755 a b",
        "RUN find / -exec chmod 0777 {} +",
    ],
    "IF151": [
        "RUN --security=insecure a",
        "RUN --network=host a",
        "RUN --mount=type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock a",
        "CMD docker run --privileged x",
    ],
    "IF152": [
        "EXPOSE 22",
        "EXPOSE 20-30",
        "RUN apk add openssh",
        'CMD ["/usr/sbin/sshd", "-D"]',
        "RUN ssh-keygen -A",
    ],
    "IF153": [
        "RUN echo root:x | chpasswd",
        "RUN passwd -d root",
        "RUN useradd -p abc x",
        "RUN useradd -o -u 0 x",
        "RUN echo 'a ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/a",
    ],
    "IF160": ["VOLUME /", "VOLUME /a /etc/", 'VOLUME ["/var/run/docker.sock"]', "VOLUME /proc/x"],
    "IF161": ["WORKDIR /proc/self/fd/7", "WORKDIR app", "WORKDIR /etc", "WORKDIR ../sys"],
    "IF162": ["EXPOSE 0", "EXPOSE 70000", "EXPOSE 80/abc", "EXPOSE x"],
    "IF163": [
        "ENV PATH=.:$PATH",
        "ENV PATH=/a::/b",
        "ENV LD_PRELOAD=/a.so",
        "ENV PATH=/tmp/x:$PATH",
    ],
    "IF170": ['CMD ["a"]', "HEALTHCHECK NONE", "HEALTHCHECK CMD a\nHEALTHCHECK CMD b"],
    "IF171": ["CMD a\nCMD b", "ENTRYPOINT a\nENTRYPOINT b"],
    "IF172": ["CMD a", "ENTRYPOINT a b"],
    "IF173": ["FROM a AS x\nFROM b AS x"],
    "IF180": ["COPY . /a", "ADD ./ /a"],
}

FINE = {
    "IF101": ["USER 5", "USER app", "FROM a AS b\nUSER 5\nFROM b", "FROM scratch\nCOPY a /a"],
    "IF102": ["USER 5:6", "USER $U", "USER root"],
    "IF103": ["RUN apt-get install -y sudoku", "RUN echo sudo", "RUN gosu a b"],
    "IF110": [
        "ENV DB_PASSWORD_FILE=/run/secrets/x",
        "ENV TOKEN_TTL=60",
        "ENV PASSWORD=${X}",
        "ENV API_KEY=",
        "ENV DB_PASSWORD=changeme",
        "ARG VERSION",
        "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
    ],
    "IF111": [
        "RUN DB_PASSWORD=$(cat /run/secrets/x) a",
        "RUN PASSWORD_FILE=/x a",
        "RUN TOKEN=$T a",
        "RUN curl -u a:$B x",
        "RUN mkdir -p hunter22",
        "RUN a --token $T",
    ],
    "IF112": [
        "COPY .env.example /app/",
        "COPY id_rsa.pub /x",
        "COPY ca-certificates.pem /x",
        "COPY src /src",
        "COPY keyboard /x",
    ],
    "IF113": [
        "RUN --mount=type=secret,id=t cat /run/secrets/t | login",
        "RUN --mount=type=secret,id=t,env=T a > /x",
        "RUN --mount=type=cache,target=/t cp /t/a /x",
        "RUN --mount=type=secret,id=t ln -sf /run/secrets/t /x",
    ],
    "IF120": [FROM, f"FROM {BASE} AS x\nFROM x", "FROM scratch"],
    "IF121": [
        FROM,
        f"FROM --platform=$BUILDPLATFORM {BASE}",
        "FROM a AS x-amd64\nFROM x-${TARGETARCH}",
    ],
    "IF122": ["FROM registry.example.org/base/x", "FROM debian", "FROM scratch"],
    "IF123": [
        f"COPY --from={BASE} a b",
        "FROM a AS x\nFROM b\nCOPY --from=x a b",
        "FROM a\nFROM b\nCOPY --from=0 a b",
    ],
    "IF124": [f"# syntax=docker/dockerfile:1@sha256:{DIGEST}\nFROM a", "FROM a"],
    "IF130": [f"ADD --checksum=sha256:{DIGEST} https://x.org/a /a", "ADD a.tgz /"],
    "IF131": [
        f"ADD https://x.org/a.git#{'a' * 40} /a",
        f"ADD https://x.org/a.git#{'a' * 40}:sub /a",
    ],
    "IF132": ["ADD a.tar.gz /b", "ADD https://x.org/a /b", "COPY a b", "ADD <<E /x\nE"],
    "IF133": [
        "RUN curl x | tar xz",
        "RUN curl x | python3 -m json.tool",
        "RUN curl x | sh -c 'cat > /y'",
        "RUN curl x | bash /local/filter.sh",
        "RUN echo x | sh",
        "RUN echo 'curl x | sh'",
        "RUN curl -o i.sh x && echo 'abc  i.sh' | sha256sum -c && sh i.sh",
        "RUN V=$(curl x) && echo $V",
        "HEALTHCHECK CMD curl -f http://localhost/ || exit 1",
    ],
    "IF134": [
        "RUN curl -sSL x -o k",
        "RUN curl -H 'a: -k' x",
        "RUN rpm -K a.rpm",
        "ENV NODE_TLS_REJECT_UNAUTHORIZED=1",
        f"RUN gpg --recv-keys {'A' * 40}",
        "RUN npm config set strict-ssl true",
        "RUN echo 'deb [ trusted=yes ] file:///a ./' > /etc/apt/sources.list.d/a.list",
        "RUN grep -k x y",
    ],
    "IF135": [
        "RUN curl https://x.org",
        "RUN curl http://localhost:80/",
        "HEALTHCHECK CMD curl http://x/",
    ],
    "IF136": [
        "RUN set -o pipefail && curl x | tar xz",
        'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN curl x | tar xz',
        "RUN echo a | b",
    ],
    "IF140": [
        "RUN apt-get install -y a=1 ./b.deb",
        "RUN pip install a==1 'b @ https://x.org/b'",
        "RUN pip install -r requirements.txt",
        "RUN pip install .",
        "RUN pip install $PACKAGES",
        "RUN npm ci",
        "RUN npm install",
        "RUN npm install -g a@1.2 @b/c@3",
        "RUN gem install a -v 1",
        "RUN gem install a:1",
        "RUN go install ./...",
        "RUN go install tool cmd/vet",
        "RUN go install x.org/a@v1",
        "RUN cargo install --locked a --version 1",
        "RUN cargo build",
        "RUN apk add a=1 b~2",
        "RUN yum install a-1.2-3.el9",
        "RUN apt-get remove a",
    ],
    "IF141": ["RUN apt-get update && apt-get install a", "RUN apk add --update a"],
    "IF142": ["RUN apt-get install a", "RUN yum update a"],
    "IF143": [
        "RUN apt-get update && apt-get install a=1 && rm -rf /var/lib/apt/lists/*",
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update",
        "RUN apt-get update && apt-get install a=1 && apt-dist-clean",
        "RUN apk add --no-network a=1",
        "RUN apk add --no-cache a",
        "RUN pip install --no-cache-dir a",
        "ENV PIP_NO_CACHE_DIR=1\nRUN pip install a",
        "RUN dnf install a && dnf clean all",
        f"FROM a AS x\nRUN apt-get update\n{FROM}COPY --from=x a b",
    ],
    "IF144": [
        "RUN apk add gcc && a && apk del gcc",
        f"FROM a AS x\nRUN apk add gcc\n{FROM}COPY --from=x a b",
        "RUN apt-get install makedev",
    ],
    "IF150": [
        "RUN chmod 755 /a",
        "RUN chmod 1777 /tmp",
        "RUN chmod +x a",
        "RUN chmod u-s a",
        "COPY --chmod=0555 a b",
        "RUN setcap -r a",
        "RUN install -d -m 3777 /a",
        "RUN mkdir -m 2775 /a",
        "RUN chmod a+rwxt /a",
    ],
    "IF151": ["RUN --network=none a", "RUN docker run x", "RUN --security=sandbox a"],
    "IF152": [
        "EXPOSE 2222",
        "EXPOSE 22/udp",
        "RUN apk add openssh-client",
        "RUN ssh-keygen -t ed25519 -f x",
    ],
    "IF153": ["RUN useradd -r -u 5 x", "RUN passwd -l root", "RUN adduser -D -u 10 x"],
    "IF160": ["VOLUME /data", "VOLUME /var/lib/app"],
    "IF161": [
        "WORKDIR /app",
        "WORKDIR /app\nWORKDIR b",
        "FROM a AS x\nWORKDIR /y\nFROM x\nWORKDIR z",
        "WORKDIR $HOME",
    ],
    "IF162": ["EXPOSE 80 443/tcp 1-3/udp $P"],
    "IF163": [
        "ENV PATH=/a:$PATH",
        "ENV PYTHONPATH=",
        "ENV PATH=${PATH}:/b",
        "FROM scratch\nENV PATH=$PATH:/b",
    ],
    "IF170": ["HEALTHCHECK CMD a", "FROM a AS b\nHEALTHCHECK CMD a\nFROM b\nCMD x"],
    "IF171": ["CMD a\nENTRYPOINT b", "FROM a AS b\nCMD a\nFROM b\nCMD c"],
    "IF172": ['CMD ["a"]', "RUN a"],
    "IF173": ["FROM a AS x\nFROM b AS y"],
    "IF180": ["COPY a /a", "COPY --from=b . /a"],
}

LISTED = Policy(
    day=DAY, bases=Bases(allow=(("registry.example.org/base/*", "docker.io/library/debian*"),))
)


def table(cases: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(rule, text) for rule, texts in cases.items() for text in texts]


@pytest.mark.parametrize(("rule", "text"), table(FAULTS))
def test_a_fault_is_found(rule: str, text: str) -> None:
    assert rule in found(text, LISTED if rule == "IF122" else POLICY)


@pytest.mark.parametrize(("rule", "text"), table(FINE))
def test_what_is_fine_is_not_found(rule: str, text: str) -> None:
    findings = found(text, LISTED if rule == "IF122" else POLICY)
    assert "IF100" not in findings
    assert rule not in findings


@pytest.mark.parametrize(
    ("base", "severity"),
    [
        ("gcr.io/distroless/static-debian12:nonroot", Severity.MEDIUM),
        ("nginxinc/nginx-unprivileged:1.27 AS a\nFROM a", Severity.MEDIUM),
        ("debian:13 AS nonroot\nFROM nonroot", Severity.HIGH),
        ("acme/nonrooted:1", Severity.HIGH),
    ],
)
def test_a_base_made_to_run_as_a_user_is_no_root(base: str, severity: Severity) -> None:
    text = f"FROM {base}\n"
    assert [f.severity for f in found(text)["IF101"]] == [severity]
    assert [f.severity for f in found(text + "USER 0\n")["IF101"]] == [Severity.HIGH]


@pytest.mark.parametrize(
    ("text", "verb"), [("RUN sudo a", "uses"), ("RUN apk add sudo", "installs")]
)
def test_sudo_is_used_or_only_installed(text: str, verb: str) -> None:
    assert [f.message for f in found(text)["IF103"]] == [f"RUN in stage 0 {verb} sudo"]


def test_every_check_has_faults_and_fine_ones() -> None:
    ids = {check.RULE.id for check in CHECKS}
    assert ids == set(FAULTS) == set(FINE)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("FROM a", Severity.MEDIUM),
        ("FROM a:latest", Severity.MEDIUM),
        ("FROM a:1", Severity.LOW),
    ],
)
def test_the_looser_a_base_the_worse(text: str, severity: Severity) -> None:
    assert [f.severity for f in found(text)["IF120"]] == [severity]


@pytest.mark.parametrize("kind", ["private-key", "aws-access-key-id", "gcp-api-key"])
def test_credentials_are_known_by_their_value(kind: str) -> None:
    sample = madesecrets.SAMPLES[kind]
    if "\n" not in sample:
        assert "IF110" in found(f"ENV X={sample}")
        assert "IF110" in found(f"LABEL x={sample}")
        assert "IF111" in found(f"RUN echo {sample}")
    findings = found(f"COPY <<E /x\n{sample}\nE")["IF111"]
    assert [f.line for f in findings] == [3]
    assert sample not in "".join(f.message + f.key for f in findings)


def test_findings_name_the_line_of_the_command() -> None:
    text = f"{FROM}RUN a && \\\n  # comment\n\n  curl -k x && \\\n  chmod 777 y\n"
    text += "RUN <<E\n\ncurl -k z\nE\n"
    lines = [
        (f.check, f.line)
        for fs in found(text).values()
        for f in fs
        if f.check in {"IF134", "IF150"}
    ]
    assert sorted(lines) == [("IF134", 5), ("IF134", 9), ("IF150", 6)]


def test_what_cannot_be_read_is_a_finding_for_each_problem() -> None:
    findings = judge(b"FROM a\nFOO\nENV x\n", "x/Dockerfile", POLICY)
    assert [(f.check, f.line, f.path) for f in findings] == [
        ("IF100", 2, "x/Dockerfile"),
        ("IF100", 3, "x/Dockerfile"),
    ]
    assert all(f.severity is Severity.HIGH for f in findings)


def test_of_very_many_problems_the_first_are_named() -> None:
    findings = judge(b"FROM a\n" + b"FOO\n" * 1000, "D", POLICY)
    assert [f.line for f in findings] == list(range(2, 23))
    assert findings[-1].message == "there are 980 more problems from here on"


@pytest.mark.parametrize(
    ("names", "ignore", "severity"),
    [
        ({".git", "src"}, None, Severity.MEDIUM),
        ({".git", ".env"}, ("*", "!src"), None),
        ({".git", ".env"}, (".git",), Severity.MEDIUM),
        ({".git", ".env"}, (".git", "**/.env"), None),
        ({".git"}, (".git", "!.git"), Severity.MEDIUM),
        ({"src"}, None, Severity.INFO),
    ],
)
def test_the_context_decides_what_comes_along(
    names: set[str], ignore: tuple[str, ...] | None, severity: Severity | None
) -> None:
    findings = found("COPY . /a", context=Context(frozenset(names), ignore)).get("IF180", [])
    assert [f.severity for f in findings] == ([] if severity is None else [severity])


def test_a_policy_allows_what_it_allows() -> None:
    text = "RUN sudo a && apk add gcc=1 openssh=1\nEXPOSE 22\n"
    allowed = {"IF101", "IF103", "IF144", "IF152"}
    assert allowed <= found(text).keys()
    policy = Policy(day=DAY, allow_root=True, allow_sudo=True, allow_compiler=True, allow_ssh=True)
    assert not allowed & found(text, policy).keys()


def test_every_list_of_bases_has_to_allow_a_base() -> None:
    text = "FROM debian:13\n"
    one, other = ("docker.io/library/*",), ("registry.example.org/*",)
    assert "IF122" not in found(text, Policy(day=DAY, bases=Bases(allow=(one, one))))
    assert "IF122" in found(text, Policy(day=DAY, bases=Bases(allow=(one, other))))
    assert "IF122" in found(text, Policy(day=DAY, bases=Bases(allow=((),))))


def test_comments_excuse_nothing() -> None:
    text = "# hadolint ignore=DL3004\n# imgforge: ignore=IF103\nRUN sudo a\n"
    assert "IF103" in found(text)


def test_a_check_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Finding]:
        raise RuntimeError("no")

    monkeypatch.setattr(CHECKS[0], "check", broken)
    with pytest.raises(ImgforgeError, match="IF101"):
        judge(b"FROM a\n", "Dockerfile", POLICY)


def test_a_stage_that_is_asked_for_is_judged_as_the_image() -> None:
    text = b"FROM a AS x\nUSER 5\nFROM a AS y\nUSER 0\n"
    assert "IF101" in {f.check for f in judge(text, "D", POLICY)}
    assert "IF101" not in {f.check for f in judge(text, "D", POLICY, target="x")}


def test_a_file_that_was_read_already_is_judged_likewise() -> None:
    file = parse(GOOD.encode())
    assert isinstance(file, Dockerfile)
    assert dockerfile.run(file, POLICY) == []
