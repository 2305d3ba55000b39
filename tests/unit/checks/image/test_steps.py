from __future__ import annotations

import pytest
from judged import configured, of

from imgforge.checks.finding import Severity

UNVERIFIED = [
    "curl -sSL https://acme.example/get.sh | sh",
    "curl -sSL https://acme.example/get.sh | bash -s -- -y",
    "wget -qO- https://acme.example/get.sh | sudo -E bash -",
    "curl https://acme.example/x.py | python3 -",
    "bash <(curl -s https://acme.example/get.sh)",
    'sh -c "$(curl -fsSL https://acme.example/install.sh)"',
    'eval "$(wget -qO- https://acme.example/env)"',
    "set -eux; cd /tmp && curl -k https://acme.example/a.tgz -o a.tgz",
    "curl -fsSLk https://acme.example/a.tgz -o a.tgz",
    "wget --no-check-certificate https://acme.example/a.tgz",
    "apt-get install -y --allow-unauthenticated tool=1",
    "apt-get --force-yes install tool=1",
    "echo 'deb [trusted=yes] https://acme.example/apt ./' > /etc/apt/sources.list.d/a.list",
    "echo 'gpgcheck=0' >> /etc/yum.repos.d/a.repo",
    "yum install -y --nogpgcheck tool-1.2",
    "dnf install -y --nogpgcheck tool-1.2",
    "rpm -i --nosignature tool.rpm",
    "apk add --allow-untrusted ./tool.apk",
    "zypper --no-gpg-checks install tool=1",
    "pip install --trusted-host pypi.acme.example tool==1",
    "python3 -m pip install --trusted-host=pypi.acme.example tool==1",
    "pip config set global.trusted-host pypi.acme.example",
    "npm config set strict-ssl false",
    "npm ci --strict-ssl=false",
    "git config --global http.sslVerify false",
    "git -c http.sslVerify=false clone https://acme.example/a.git",
    "GIT_SSL_NO_VERIFY=1 git clone https://acme.example/a.git",
    "export NODE_TLS_REJECT_UNAUTHORIZED=0; npm ci",
    "PYTHONHTTPSVERIFY=0 python fetch.py",
    "ssh -o StrictHostKeyChecking=no git@acme.example",
    "apt-get -o Acquire::https::Verify-Peer=false update && apt-get install a=1",
    "conda config --set ssl_verify false",
    "GOSUMDB=off go build ./...",
]
VERIFIED = [
    "curl -fsSL https://acme.example/a.tgz -o a.tgz && echo 'abc  a.tgz' | sha256sum -c",
    "curl -fsSL https://acme.example/key.asc | gpg --dearmor -o /usr/share/keyrings/a.gpg",
    "curl -s https://api.acme.example/v | python3 -c 'import json,sys; json.load(sys.stdin)'",
    "curl -s https://api.acme.example/v | jq -r .tag",
    "curl -fsSL https://acme.example/a.tgz | tar -xz -C /opt",
    'sh -c "VERSION=$(curl -s https://acme.example/v) && echo $VERSION"',
    "echo 'deb [signed-by=/usr/share/keyrings/a.gpg] https://acme.example/apt x main' > /etc/apt/a",
    "sed -i 's/gpgcheck=1/gpgcheck=1/' /etc/yum.conf",
    "npm config set strict-ssl true",
    "git config --global http.sslVerify true",
    "pip install --require-hashes -r requirements.txt",
    "wget -qO a.tgz https://acme.example/a.tgz; sha256sum -c a.sum",
    "cat install.sh | sh",
    "echo 'curl https://acme.example | sh' > README",
    "apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2",
]


@pytest.mark.parametrize("text", UNVERIFIED)
def test_what_is_fetched_unchecked(text: str) -> None:
    for step in (
        f"RUN /bin/sh -c {text} # buildkit",
        f"/bin/sh -c {text}",
        f"RUN |2 A=b C=d e /bin/bash -o pipefail -c {text} # buildkit",
        f"|1 A=b /bin/sh -c {text}",
        f"RUN {text}",
    ):
        seen = of("IF058", configured(step))
        assert Severity.HIGH in {f.severity for f in seen}, step


@pytest.mark.parametrize("text", VERIFIED)
def test_what_is_checked_or_runs_nothing(text: str) -> None:
    assert of("IF058", configured(f"RUN {text}")) == []


UNPINNED = {
    "apt-get update && apt-get install -y curl git": "curl git",
    "apt-get install -y --no-install-recommends curl=8.1 git -t stable": "git",
    "apt-get -y -o A::B=1 install vim": "vim",
    "apk add --no-cache --virtual .build gcc musl-dev=1.2": "gcc",
    "pip install flask==3.0 requests": "requests",
    "pip install 'flask>=3'": "flask>=3",
    "python -m pip install --upgrade pip": "pip",
    "npm install -g pnpm": "pnpm",
    "npm i -g typescript@latest @acme/cli": "typescript@latest @acme/cli",
    "gem install rails": "rails",
    "dnf install -y httpd": "httpd",
    "microdnf install -y httpd-2.4.6 mod_ssl": "mod_ssl",
    "zypper in -y vim": "vim",
    "go install example.org/tool@latest": "example.org/tool@latest",
    "cargo install ripgrep": "ripgrep",
    "set -e; if true; then apt-get install -y jq; fi": "jq",
}
PINNED = [
    "apt-get install -y curl=8.14.1-2 ./local.deb /tmp/x.deb",
    "apt-get install -y $PACKAGES",
    "apt-get install -y --no-install-recommends $(cat packages.txt)",
    "apk add --no-cache curl=8.1-r0 'git~=2.40' 'vim>9'",
    "pip install --no-cache-dir flask==3.0.1 .",
    "pip install -r requirements.txt",
    "pip install --require-hashes -r requirements.txt",
    "pip install -e .",
    "pip install ./dist/app-1.0-py3-none-any.whl",
    "npm ci",
    "npm install",
    "npm install -g pnpm@9.1.0 @acme/cli@1.2.3",
    "gem install rails:7.1.0",
    "gem install rails -v 7.1.0",
    "dnf install -y httpd-2.4.6",
    "go install example.org/tool@v1.2.3",
    "go install ./cmd/tool",
    "cargo install --version 14.1.0 ripgrep",
    "cargo install ripgrep@14.1.0",
    "cargo install --path .",
    "apt-get purge -y gcc",
    "apt-get install -y",
]


@pytest.mark.parametrize("text", UNPINNED)
def test_installs_without_a_version(text: str) -> None:
    [seen] = [f for f in of("IF057", configured(f"RUN {text}")) if "without" in f.message]
    assert f" installs {', '.join(UNPINNED[text].split())} without a version" in seen.message
    signed = text.split(maxsplit=1)[0] in {"apt-get", "apk", "dnf", "zypper", "microdnf", "set"}
    assert seen.severity == (Severity.LOW if signed else Severity.MEDIUM)


@pytest.mark.parametrize("text", PINNED)
def test_installs_with_a_version(text: str) -> None:
    assert of("IF057", configured(f"RUN {text}")) == []


@pytest.mark.parametrize(
    "text",
    [
        "apt-get update",
        "apt-get -qq update; rm -rf /tmp/x",
        "apt update && true",
        "apt-get update && apt-get dist-upgrade -y",
        "apt-get -y upgrade",
        "apt full-upgrade",
        "apk upgrade",
        "dnf -y update",
        "yum upgrade -y",
    ],
)
def test_updates_and_upgrades(text: str) -> None:
    [seen] = of("IF057", configured(f"/bin/sh -c {text}"))
    assert seen.severity == Severity.LOW


@pytest.mark.parametrize(
    "text",
    ["apt-get update && apt-get install -y a=1", "echo apt-get update", "dnf update httpd-1.2"],
)
def test_updates_that_are_used(text: str) -> None:
    assert of("IF057", configured(f"/bin/sh -c {text}")) == []


@pytest.mark.parametrize(
    ("step", "severity"),
    [
        ("ADD http://acme.example/a.tgz /opt/ # buildkit", "medium"),
        ("ADD https://acme.example/a.tgz /opt/ # buildkit", "low"),
        ("ADD --chown=0:0 https://user:word@acme.example/a /opt/", "low"),
        ("ADD https://git.example/a.git#main /src", "low"),
        ("ADD app.py /app/ # buildkit", "low"),
        ("/bin/sh -c #(nop) ADD file:0123abcd in /app/x ", "low"),
        ("/bin/sh -c #(nop) ADD dir:0123abcd in /app ", "low"),
    ],
)
def test_steps_that_add(step: str, severity: str) -> None:
    [seen] = of("IF059", configured(step))
    assert str(seen.severity) == severity
    assert "word" not in seen.message


@pytest.mark.parametrize(
    "step",
    [
        "/bin/sh -c #(nop) ADD file:0123abcd in / ",
        "ADD rootfs.tar.xz / # buildkit",
        "ADD alpine-minirootfs-3.22.0-x86_64.tar.gz / # buildkit",
        "ADD --checksum=sha256:24454f83 https://acme.example/a.tgz /opt/",
        "ADD https://git.example/a.git#" + "0a" * 20 + " /src",
        "COPY app.py /app/ # buildkit",
        "imgforge base static: 5 packages",
        "RUN add user",
        "",
    ],
)
def test_steps_that_may_add(step: str) -> None:
    assert of("IF059", configured(step)) == []


def test_strange_histories_are_read_quickly() -> None:
    steps = ["RUN |1 " + "A=b " * 20000, "|" * 70000, "RUN " + "(" * 50000, "/bin/sh -c #(nop)"]
    assert of("IF058", configured(*steps)) == []
