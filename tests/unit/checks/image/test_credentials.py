from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path
from typing import Any

import madeimage as made
import madesecrets
import pytest
from judged import APP, LABELS, POLICY, configured, findings, found, ids, image, of
from madesecrets import SAMPLES, letters

from imgforge.analysis.facts import SecretHit
from imgforge.checks import run
from imgforge.checks.finding import Finding, Severity


def test_secrets_in_files_of_every_layer(tmp_path: Path) -> None:
    secret = made.file("app/config.py", f"T = '{SAMPLES['github-token']}'\n".encode())
    [seen] = findings(tmp_path, [*APP, secret])
    assert (seen.check, seen.severity, seen.path) == ("IF020", Severity.CRITICAL, "app/config.py")
    for above in (made.file("app/.wh.config.py"), made.file("app/config.py", b"clean")):
        [hidden] = findings(tmp_path / above[0].name, [*APP, secret], [above])
        assert "still shipped" in hidden.message
        assert hidden.fingerprint != seen.fingerprint
    opaque = findings(tmp_path / "o", [*APP, secret], [made.file("app/.wh..wh..opq")])
    assert ids(opaque) == ["IF020"]


def test_findings_never_hold_the_secret(tmp_path: Path) -> None:
    token = SAMPLES["github-token"]
    seen = findings(
        tmp_path,
        [*APP, made.file("x", token.encode())],
        Env=[f"X={token}"],
        Labels={**LABELS, "a": token},
        Cmd=["--token", token],
    )
    assert ids(seen) == ["IF020", "IF021", "IF022", "IF022"]
    assert token[8:] not in repr(seen)


def test_published_test_keys_are_low(tmp_path: Path) -> None:
    key = madesecrets.pem().encode()
    members = [
        made.file("app/lib/t-1.dist-info/METADATA", b"Name: t\nVersion: 1\n"),
        made.file("app/lib/t/test/test.key", key),
    ]
    [seen] = findings(tmp_path, [*APP, *members])
    assert (seen.check, seen.severity) == ("IF020", Severity.LOW)
    [own] = findings(tmp_path / "b", [*APP, made.file("app/tests/server.key", key)])
    assert own.severity == Severity.CRITICAL
    [source] = findings(tmp_path / "c", [*APP, members[0], made.file("app/lib/t/server.key", key)])
    assert source.severity == Severity.CRITICAL


PUBLISHED = {
    "usr/share/doc/python3-jwt/changelog": "jwt",
    "usr/share/go-1.19/src/crypto/tls/example_test.go": "private-key",
    "usr/share/go-1.19/src/debug/elf/testdata/core": "aws-access-key-id",
    "app/node_modules/@mui/material/docs/react.md": "gcp-api-key",
    "app/node_modules/a/README.md": "jwt",
    "usr/lib/python3.13/site-packages/awscli/examples/ecr/get.rst": "aws-access-key-id",
    "app/node_modules/a/src/key.spec.ts": "private-key",
}
OWN = {
    "usr/share/doc/acme/notes": "github-token",
    "app/node_modules/a/README.md": "npm-token",
    "app/node_modules/a/test/conf": "aws-access-key-id",
    "app/node_modules/a/index.js": "gcp-api-key",
    "app/node_modules/a/CHANGELOG.md": "aws-secret-access-key",
    "app/docs/react.md": "gcp-api-key",
    "usr/share/nginx/html/docs/index.html": "jwt",
    "usr/share/go-1.19/src/crypto/tls/tls.go": "private-key",
    "usr/local/share/doc/key": "private-key",
}


@pytest.mark.parametrize("path", PUBLISHED)
def test_what_packages_publish_in_tests_and_documents_is_low(tmp_path: Path, path: str) -> None:
    file = made.file(path, f"a {SAMPLES[PUBLISHED[path]]} b".encode())
    [seen] = findings(tmp_path, [*APP, file])
    assert (seen.check, seen.severity) == ("IF020", Severity.LOW)
    assert "everybody has it" in seen.message


@pytest.mark.parametrize("path", OWN)
def test_what_may_be_ones_own_is_critical(tmp_path: Path, path: str) -> None:
    file = made.file(path, f"a {SAMPLES[OWN[path]]} b".encode())
    seen = [f for f in findings(tmp_path, [*APP, file]) if f.check == "IF020"]
    assert [f.severity for f in seen] == [Severity.CRITICAL]


def test_packed_bytes_have_no_line(tmp_path: Path) -> None:
    packed = gzip.compress(b"nothing") + b"\n" + SAMPLES["github-token"].encode()
    seen = [f for f in findings(tmp_path, [*APP, made.file("x", packed)]) if f.check == "IF020"]
    assert [f.message.split(": ")[0] for f in seen] == ["GitHub token in /x, in its packed bytes"]


TOKEN = SAMPLES["github-token"]
LETTERS = letters(40)

LOUD = {
    "DB_PASSWORD": "hunter22x",
    "API_TOKEN": "abc",
    "ANYTHING": SAMPLES["stripe-key"],
    "DATABASE_URL": "postgres://app:Xk29fjw8s0@db/app",
    "MYSQL_ROOT_PASSWORD": "correct horse",
    "apiKey": "9fk2-mmx0-aq81",
    "AWS_SECRET_ACCESS_KEY": LETTERS,
    "CI": TOKEN,
    "SLACK": SAMPLES["slack-token"],
    "NPM": SAMPLES["npm-token"],
    "JWT": madesecrets.jwt(),
    "REDIS_URL": "redis://:k8sD0ntL00k@cache:6379/0",
    "SMTP_PASS": "Tr0ub4dor",
    "DJANGO_SECRET_KEY": "j3#8f-kd2lq",
    "ENCRYPTION_KEY": letters(32),
    "GH_PAT": "abcd1234efgh",
    "HF": SAMPLES["huggingface-token"],
    "VAULT": SAMPLES["vault-token"],
    "AZURE_CLIENT_SECRET": SAMPLES["azure-client-secret"],
    "TLS_PRIVATE_KEY": madesecrets.pem(),
}
QUIET = {
    "PASSWORD_FILE": "/run/secrets/db",
    "DB_PASSWORD_FILE": "/run/secrets/db",
    "TOKEN_TTL": "300",
    "GPG_KEY": "A035C8C19219BA821ECEA86B64E628F8D684696D",
    "GPG_KEYS": "E3FF2839C048B25C084DEBE9B26995E310250568",
    "DB_PASSWORD": "",
    "SECRET_KEY": "${SECRET_KEY}",
    "MAIL_PASSWORD": "$MAIL_PASSWORD",
    "ADMIN_PASSWORD": "changeme",
    "API_KEY": "<your key>",
    "API_TOKEN": "/run/secrets/token",
    "CLIENT_SECRET": "vault:secret/data/app#client",
    "DATABASE_URL": "postgres://app@db/app",
    "REDIS_URL": "redis://cache:6379",
    "AMQP_URL": "amqp://user:${RABBIT_PASSWORD}@queue",
    "PYTHON_SHA256": "ab12" * 16,
    "NODE_CHECKSUM": "sha256:" + "0f" * 32,
    "INTEGRITY": "sha512-" + letters(86) + "==",
    "PATH": "/usr/bin",
    "MAX_TOKENS": "4096",
    "TOKENIZERS_PARALLELISM": "false",
    "PASSWORD_MIN_LENGTH": "12",
    "SSH_AUTH_SOCK": "/run/ssh.sock",
    "TOKEN_URL": "https://login.example/oauth/token",
    "AWS_ACCESS_KEY_ID_FILE": "/run/secrets/id",
    "PUBLIC_KEY": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + letters(43),
    "CERT": "-----BEGIN CERTIFICATE-----\nMIID" + letters(60) + "\n-----END CERTIFICATE-----",
    "PUB": "-----BEGIN PUBLIC KEY-----\n" + letters(64) + "\n-----END PUBLIC KEY-----",
    "SECRET_NAME": "db-credentials",
    "USE_TOKEN": "true",
    "KEYCLOAK_URL": "https://id.example",
    "GIT_COMMIT": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "BUILD_ID": "7f1d3c50-8b0a-4d3c-9d3e-1b1f0f1f6a52",
    "LANG": "C.UTF-8",
}


@pytest.mark.parametrize("name", LOUD)
def test_secrets_in_the_environment(name: str) -> None:
    [seen] = configured(Env=["PATH=/usr/bin", f"{name}={LOUD[name]}"])
    assert (seen.check, seen.severity, seen.key) == ("IF021", Severity.CRITICAL, name)
    assert LOUD[name] not in seen.message


@pytest.mark.parametrize("name", QUIET)
def test_environments_without_secrets(name: str) -> None:
    assert configured(Env=["PATH=/usr/bin", f"{name}={QUIET[name]}"]) == []


@pytest.mark.parametrize(
    "config",
    [
        {"Labels": {**LABELS, "ci.token": TOKEN}},
        {"Cmd": ["--token", TOKEN]},
        {"Entrypoint": ["/usr/bin/app", f"--key={SAMPLES['stripe-key']}"]},
        {"Cmd": ["--db-password=hunter22x"]},
        {"Cmd": ["--db-password", "hunter22x"]},
        {"Entrypoint": ["/usr/bin/app", "-Dspring.datasource.password=hunter22x"]},
        {"Healthcheck": {"Test": ["CMD", "/usr/bin/app", "--api-token", "hunter22x"]}},
        {"Healthcheck": {"Test": ["CMD", "/usr/bin/app", "-H", f"Authorization: {TOKEN}"]}},
    ],
)
def test_secrets_elsewhere_in_the_configuration(config: dict[str, Any]) -> None:
    [seen] = configured(**config)
    assert (seen.check, seen.severity) == ("IF022", Severity.CRITICAL)
    assert TOKEN not in seen.message


@pytest.mark.parametrize(
    "config",
    [
        {"Labels": {**LABELS, "org.opencontainers.image.revision": "da39a3ee5e6b4b0d3255bfef"}},
        {"Labels": {**LABELS, "dev.imgforge.run.secrets": "session-key,db-password"}},
        {"Labels": {**LABELS, "digest": "sha256:" + "ab" * 32}},
        {"Cmd": ["--token-file", "/run/secrets/token"]},
        {"Cmd": ["--password", "$PASSWORD"]},
        {"Cmd": ["--password", "--verbose"]},
        {"Cmd": ["--password-stdin", "registry.example"]},
        {"Cmd": ["--token-ttl", "300", "--max-tokens=4096"]},
        {"Cmd": ["--api-key-from-env", "API_KEY", "--secret-name=db"]},
        {"Cmd": ["--password"]},
    ],
)
def test_configurations_without_secrets(config: dict[str, Any]) -> None:
    assert configured(**config) == []


@pytest.mark.parametrize(
    "step",
    [
        "RUN |1 NPM_TOKEN=abcdef0123 /bin/sh -c npm ci # buildkit",
        "|2 A=b DB_PASSWORD=hunter22x /bin/sh -c ./migrate",
        f"RUN curl -H 'Authorization: Bearer {SAMPLES['gitlab-token']}' x",
        "ARG SIGNING_KEY=abc123",
        "ENV DB_PASSWORD='correct horse'",
        "/bin/sh -c #(nop)  ENV API_TOKEN=abc123def",
        f"LABEL key={SAMPLES['slack-token']}",
    ],
)
def test_secrets_in_history(step: str) -> None:
    [seen] = of("IF022", configured(step))
    assert seen.severity == Severity.CRITICAL


@pytest.mark.parametrize(
    "step",
    [
        "RUN --mount=type=secret,id=npm NPM_TOKEN=$(cat /run/secrets/npm) npm ci",
        "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D PYTHON_VERSION=3.13.5",
        "COPY file:0b7b1b8e1e5a4c3d2f in /app",
        "RUN |1 TOKEN_FILE=/run/x /bin/sh -c true",
        "ENV PYTHON_SHA256=" + "0f" * 32,
        "RUN |1 NPM_TOKEN= /bin/sh -c npm ci # buildkit",
        "RUN /bin/sh -c PASSWORD=${PASSWORD} ./configure # buildkit",
        "ARG TOKEN_TTL=300",
    ],
)
def test_history_without_secrets(step: str) -> None:
    assert of("IF022", configured(step)) == []


def test_a_variable_that_is_still_set_is_said_once() -> None:
    item = f"API_TOKEN={TOKEN}"
    step = f"ENV {item} A=1"
    assert [f.check for f in configured(step, Env=[item])] == ["IF021"]
    for other in (f"ENV {item}x", f"RUN |1 {item} /bin/sh -c true"):
        assert of("IF022", configured(other, Env=[item]))
    assert of("IF022", configured(step, Env=["API_TOKEN=${X}"]))


def test_keys_for_tests_in_packages_are_low(tmp_path: Path) -> None:
    key = madesecrets.pem().encode()
    paths = [
        "usr/lib/ruby/gems/3.3.0/gems/net-ssh-7/test/keys/rsa",
        "app/node_modules/https/test/fixtures/key.pem",
        "root/go/pkg/mod/golang.org/x/crypto@v1/ssh/testdata/key",
        "usr/local/go/src/crypto/tls/testdata/example-key.pem",
        "usr/lib/python3.13/test/certdata/keycert.pem",
    ]
    seen = found("IF020", tmp_path, *(made.file(path, key) for path in paths))
    assert {f.path for f in seen} == set(paths)
    assert {f.severity for f in seen} == {Severity.LOW}
    mine = ["app/testdata/key.pem", "app/node_modules/https/key.pem", "srv/test/key.pem"]
    seen = found("IF020", tmp_path / "b", *(made.file(path, key) for path in mine))
    assert {f.severity for f in seen} == {Severity.CRITICAL}


def test_hits_inside_archives_name_what_is_inside(tmp_path: Path) -> None:
    def judged(inside: str, rule: str = "private-key") -> Finding:
        good = image(tmp_path / str(len(list(tmp_path.iterdir()))), APP)
        hit = SecretHit(rule, "private key", "app/lib.jar", 1, 0, "MIIE...", inside)
        layer = dataclasses.replace(good.layers[0], secrets=(hit,))
        [seen] = run(dataclasses.replace(good, layers=(layer,)), POLICY)
        return seen

    assert "/app/lib.jar!/conf/key.pem" in judged("conf/key.pem").message
    assert judged("conf/key.pem").severity == Severity.CRITICAL
    assert judged("META-INF/test/key.pem").severity == Severity.LOW
    assert judged("lib/x.jar!/testdata/key.pem").severity == Severity.LOW
    assert judged("test.jar!/key.pem").severity == Severity.CRITICAL
    assert judged("test/token", "github-token").severity == Severity.CRITICAL


NAMED = [
    *(".env", ".env.production", "app/.envrc", "root/.npmrc", "root/.netrc", "home/a/.pypirc"),
    *(".git-credentials", "root/.docker/config.json", "root/.aws/credentials", "root/.kube/config"),
    *("app/kubeconfig", "app/server.jks", "app/id.p12", "app/id.pfx", "app/my.keystore"),
    *("app/terraform.tfstate", "app/terraform.tfstate.backup", "root/.ssh/id_rsa", "id_ed25519"),
    *("root/.pgpass", "root/.my.cnf", "app/safe.kdbx", "app/service-account.json", "web/.htpasswd"),
    *("app/gcp-service-account-prod.json", "root/.config/gcloud/credentials.db", "etc/krb5.keytab"),
    *("root/.cargo/credentials.toml", "root/.config/gh/hosts.yml", "app/client_secret.json"),
]


def test_credential_files_by_name(tmp_path: Path) -> None:
    seen = found("IF023", tmp_path, *(made.file(path, b"x y") for path in NAMED))
    assert {f.path for f in seen} == set(NAMED)
    assert {f.severity for f in seen} == {Severity.HIGH}


def test_credential_files_in_lower_layers(tmp_path: Path) -> None:
    low = [*APP, *(made.file(path, b"x y") for path in NAMED)]
    names = [path.rpartition("/") for path in NAMED]
    gone = [made.file(f"{folder}{slash}.wh.{name}") for folder, slash, name in names]
    seen = of("IF023", findings(tmp_path, low, gone, [made.file("srv/x")]))
    assert {f.path for f in seen} == set(NAMED)
    assert all("still shipped in layer 1 of 3" in f.message for f in seen)


def test_files_that_only_look_like_it(tmp_path: Path) -> None:
    paths = [
        *(".env.example", "app/.env.sample", "app/.env.template", "root/.ssh/id_rsa.pub"),
        *("usr/lib/jvm/lib/security/cacerts", "app/truststore.jks", "etc/ssl/java/cacerts.p12"),
        *("app/config.json", "app/credentials", "etc/config", "app/environment", "app/hosts.yml"),
        *("app/package.json", "app/service.json", "usr/share/doc/npmrc", "app/.environment"),
    ]
    files = [made.file(path, b"x y") for path in paths]
    assert found("IF023", tmp_path, *files, made.file("app/.env", b"")) == []


def test_a_key_that_is_recognised_is_told_once(tmp_path: Path) -> None:
    key = made.file("root/.ssh/id_rsa", madesecrets.pem().encode())
    assert ids(findings(tmp_path, [*APP, key])) == ["IF020"]
    gone = [made.file("root/.ssh/.wh.id_rsa")]
    assert ids(findings(tmp_path / "b", [*APP, key], gone)) == ["IF020"]
    other = made.file("root/.ssh/id_rsa", b"unknown form")
    assert ids(findings(tmp_path / "c", [*APP, key], [other])) == ["IF020", "IF023"]
    settings = made.file("app/.env", madesecrets.pem().encode())
    assert ids(findings(tmp_path / "d", [*APP, settings])) == ["IF020", "IF023"]


def test_credential_files_of_packages_are_low(tmp_path: Path) -> None:
    paths = [
        "app/node_modules/a/.npmrc",
        "usr/lib/python3/dist-packages/x/tests/store.p12",
        "usr/share/cmake-3.31/Templates/Windows/key.pfx",
    ]
    seen = found("IF023", tmp_path, *(made.file(path) for path in paths))
    assert [(f.path, f.severity) for f in seen] == [(path, Severity.LOW) for path in paths]


@pytest.mark.parametrize("text", [SAMPLES["github-token"], "ENV DB_PASSWORD=hunter7Xk9qq1"])
@pytest.mark.parametrize(
    "place", ["OnBuild", "Shell", "Volumes", "Unknown", "author", "container_config", "step", "Cmd"]
)
def test_secrets_in_any_field_of_the_configuration(place: str, text: str) -> None:
    if place == "step":
        seen = configured(fields={"history": [{"created_by": "x", "author": text}]})
    elif place in {"author", "container_config"}:
        seen = configured(fields={place: {"Env": [text]} if "_" in place else text})
    else:
        config: dict[str, Any] = {place: {text: {}} if place == "Volumes" else ["sh", text]}
        seen = configured(**config)
    assert len(of("IF022", seen)) == 1
    assert text not in repr(of("IF022", seen))


def test_a_secret_that_is_the_name_of_a_field_is_not_shown() -> None:
    token = SAMPLES["github-token"]
    for seen in (configured(Labels={**LABELS, token: "x"}), configured(fields={token: "x"})):
        assert len(of("IF022", seen)) == 1
        assert token not in repr(seen)


def test_a_step_of_the_history_that_is_null_is_none() -> None:
    assert of("IF022", configured(fields={"history": [None]})) == []
