from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import madeimage as made
import madesecrets
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from madesecrets import CONFIG_SAMPLES, SAMPLES, letters

from imgforge.analysis.blob import Limits
from imgforge.secrets import published, secret_name, secret_value
from imgforge.secrets.catalogue import RULES
from imgforge.secrets.engine import candidates
from imgforge.secrets.find import (
    FILE_RULES,
    LONGEST,
    Match,
    by_keyword,
    find,
    is_config,
    redacted,
)
from imgforge.secrets.names import listed


def found(text: str, *, config: bool = False) -> list[Match]:
    data = text.encode()
    fast = list(find(data, candidates(None)(data), config=config))
    assert sorted(fast) == sorted(find(data, by_keyword(data), config=config))
    return fast


def test_every_rule_has_a_sample() -> None:
    assert set(SAMPLES) == {rule.id for rule in FILE_RULES}
    assert set(CONFIG_SAMPLES) == {rule.id for rule in RULES if rule.config_only}
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", SAMPLES)
def test_each_kind_is_found_in_text(rule: str) -> None:
    for text in (SAMPLES[rule], f'x = "{SAMPLES[rule]}"\n', f"prose {SAMPLES[rule]}\nmore"):
        assert rule in {match.rule.id for match in found(text)}, text
    assert secret_value(SAMPLES[rule]) is not None


@pytest.mark.parametrize("rule", CONFIG_SAMPLES)
def test_some_kinds_are_found_in_settings_only(rule: str) -> None:
    text = CONFIG_SAMPLES[rule]
    assert rule in {match.rule.id for match in found(text, config=True)}
    assert rule not in {match.rule.id for match in found(text)}
    assert secret_value(text) is not None


@pytest.mark.parametrize("rule", SAMPLES)
def test_what_is_shown_of_a_match_is_not_the_secret(rule: str) -> None:
    for match in found(SAMPLES[rule]):
        text = redacted(match)
        assert len(match.secret) >= 16
        assert match.secret[4:].decode() not in text
        assert match.secret[6:14].decode() not in text


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from([*SAMPLES.values(), *CONFIG_SAMPLES.values()]),
            st.text(max_size=40),
            st.sampled_from([word for rule in RULES for word in rule.keywords]),
        ),
        max_size=12,
    )
)
def test_both_engines_find_the_same(parts: list[str]) -> None:
    text = "".join(parts).encode(errors="replace").decode()
    found(text)
    found(" ".join(parts).encode(errors="replace").decode(), config=True)


def test_private_keys_in_their_many_forms() -> None:
    encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123456789ABCDEF\n\n"
    key = madesecrets.pem()
    begin, rest = key.split("\n", 1)
    for text in (
        madesecrets.pem(""),
        madesecrets.pem("EC "),
        madesecrets.pem("OPENSSH "),
        madesecrets.pem("ENCRYPTED "),
        madesecrets.pem("", "\r\n"),
        '{"private_key": "' + madesecrets.pem("", "\\n") + '"}',
        f"{begin}\n{encrypted}{rest}",
        "  key: |\n    " + key.replace("\n", "\n    "),
        "\n".join(f'"{line}\\n"' for line in key.split("\n")),
    ):
        assert [match.rule.id for match in found(text)] == ["private-key"], text


def _keys() -> dict[str, str]:
    """Return new private keys in every form in which tools write them."""
    own: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    forms = {
        "pkcs8": PrivateFormat.PKCS8,
        "ssh": PrivateFormat.OpenSSH,
        "old": PrivateFormat.TraditionalOpenSSL,
    }
    locks = {"plain": NoEncryption(), "locked": BestAvailableEncryption(b"correct horse")}
    made = {
        f"{form} {kind} {word}": key.private_bytes(Encoding.PEM, forms[form], lock).decode()
        for form in forms
        for kind, key in own.items()
        for word, lock in locks.items()
        if (form, kind) != ("old", "ed25519") and (form, word) != ("ssh", "locked")
    }
    # What RSA keys in PKCS #8 begin with depends on the first bits of their numbers.
    for start in ("vAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSi", "vQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"):
        lines = f"MIIE{start}AgEAAoIBAQ{letters(14)}\n{letters(64)}\n"
        made[start] = f"-----BEGIN PRIVATE{' '}KEY-----\n{lines}"
    return made


KEYS = _keys()


@pytest.mark.parametrize("form", KEYS)
def test_private_keys_that_tools_make_are_found(form: str) -> None:
    assert [match.rule.id for match in found(KEYS[form])] == ["private-key"]


def test_a_key_that_a_library_ships_is_told_by_all_of_its_first_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = letters(64)
    known = frozenset({hashlib.sha256(line.encode()).hexdigest()[:16]})
    monkeypatch.setattr(published, "_KEYS", known)
    assert not published.unpublished(line.encode())
    assert not published.unpublished(line.encode() + b"abc")
    assert published.unpublished(line[:63].encode())
    assert published.unpublished(line[:63].encode() + b"-")


def test_a_token_that_an_index_ships_to_everyone_is_told_by_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a CI service, say, left in a package that half of all applications have."""
    token = letters(32) + "7"
    line = f"repo_token: {token}\n"
    assert [match.rule.id for match in found(line, config=True)] == ["assigned-secret"]
    known = frozenset({hashlib.sha256(token.encode()).hexdigest()[:16]})
    monkeypatch.setattr(published, "_KEYS", known)
    assert found(line, config=True) == []
    assert found(f"repo_token: {token}8\n", config=True)


@pytest.mark.parametrize(
    "before", ["\\n", "\\t", "%3D", "%3d", "\\u003d", '"', "=", "_"], ids=ascii
)
def test_escapes_before_a_token_do_not_hide_it(before: str) -> None:
    assert len(found(f"text {before}{SAMPLES['github-token']} text")) == 1
    assert not found(f"text {before}a{SAMPLES['github-token']} text")


def test_private_keys_as_openssh_writes_them() -> None:
    head = (
        b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1\0\0\0\x33\0\0\0\x0bssh-ed25519"
    )
    coded = base64.b64encode(head + letters(240).encode()).decode()
    for body in (coded, "\n".join(coded[at : at + 70] for at in range(0, len(coded), 70))):
        text = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"
        assert [match.rule.id for match in found(text)] == ["private-key"]


QUIET = [
    "-----BEGIN RSA PRIVATE KEY-----",
    'if line == "-----BEGIN PRIVATE KEY-----":\n    raise ValueError\n' * 3,
    "-----BEGIN CERTIFICATE-----\nMIID" + letters(60) + "\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\n" + letters(64) + "\n-----END PUBLIC KEY-----",
    "AKIAIOSFODNN7EXAMPLE",
    "AKIAABCDEFGHIJKLMNOP",
    "ghp_" + "x" * 36,
    "gh" + "p_" + letters(36),
    "npm_config_registry_and_some_more_text_here_ok",
    "sha256:" + letters(64, madesecrets.HEX),
    "integrity sha512-" + letters(86) + "==",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + letters(43) + " me@host",
    madesecrets.jwt(sub="1234567890", name="John Doe"),
    madesecrets.jwt(iss=None, exp=None, k="value"),
    "x" + SAMPLES["github-token"] + "y",
    "gl" + "pat-xxxxxxxxxxxxxxxxxxxx",
    "https://example.org/a?b=c",
]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_no_secret_is_quiet(text: str) -> None:
    assert found(text) == []


CONFIG_QUIET = [
    "PASSWORD_FILE=/run/secrets/db1",
    "TOKEN_TTL=3600s-and-more1",
    "password: ${DB_PASSWORD}",
    "password = %(db_pass1)s",
    "password={{ vault.db1 }}",
    "secret: changeme123",
    "api_key: <your-key-1234>",
    "token: true",
    "max_tokens: 4096000001",
    "password: required-field",
    "url = http://user:password@localhost/",
    "url = http://user:pass123@localhost/",
    "url = http://user:$PASS@localhost/",
    "public_key = " + letters(40),
    "checksum: " + letters(40),
    '{"auth": "' + "dXNlcjpwYXNzd29yZA"[:12] + '"}',
    'headers = {"Authorization": "Bearer ${ACCESS_TOKEN_OF_THE_JOB_1}"}',
    "Authorization: Bearer access-token-of-the-user",
    "curl -u $NAME:$PASSWORD1 https://x.test",
    "<password>${env.PASSWORD1}</password>",
    'x="Server=a;Password=#{PASSWORD1};"',
    "getPassword(a, 'b1c2d3e4f5')",
]


@pytest.mark.parametrize("text", CONFIG_QUIET)
def test_settings_without_secrets_are_quiet(text: str) -> None:
    assert found(text, config=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD=Xk29fjw8s0",
        "export API_TOKEN='a8f3kd92mcls'",
        "ENV API_TOKEN=a8f3kd92mcls",
        "  password: s3cr3t-Pa55phrase",
        'client_secret = "9fk2-mmx0-aq81"',
        '{"a": {"user": "x", "password": "Xk29fjw8s0"}}',
        "module.exports = {apiKey: 'a8f3kd92mcls', port: 1}",
        "define( 'DB_PASSWORD', 'Xk29fjw8s0' );",
        'var dbPassword := "Xk29fjw8s0"',
        "$config['db_password'] => 'Xk29fjw8s0'",
        "<server><username>b</username><password>Xk29fjw8s0</password></server>",
    ],
)
def test_assignments_in_settings_are_found(text: str) -> None:
    assert [match.rule.id for match in found(text, config=True)] == ["assigned-secret"]
    assert found(text) == []


@pytest.mark.parametrize(
    "path",
    [
        "Dockerfile.prod",
        "appsettings.Production.json",
        ".env",
        "app/.env.production",
        "a/b.yaml",
        "x.PROPERTIES",
        ".npmrc",
        ".docker/config.json",
    ],
)
def test_names_of_settings(path: str) -> None:
    assert is_config(path)
    assert is_config("root/.kube/config")
    assert not is_config("kube/config")
    assert not is_config(path + "/readme.md")


@pytest.mark.parametrize(
    "name",
    sorted(
        listed(
            "DB_PASSWORD PASSWORD MYSQL_ROOT_PASSWORD PGPASSWORD_1 apiToken GITHUB_TOKEN"
            " client_secret AWS_SECRET_ACCESS_KEY API_KEY STRIPE_SECRET_KEY DB_PASS SMTP_PWD SECRET"
            " PRIVATE_KEY DJANGO_SECRET_KEY ENCRYPTION_KEY npm.auth.token CREDENTIALS GH_PAT"
        )
    ),
)
def test_names_for_secrets(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    sorted(
        listed(
            "PASSWORD_FILE DB_PASSWORD_FILE TOKEN_TTL TOKEN_URL PWD GPG_KEY MAX_TOKENS PUBLIC_KEY"
            " PATH AWS_ACCESS_KEY_ID TOKENIZERS_PARALLELISM SECRET_NAME KEYBOARD COMPASS"
            " PASSWORD_MIN_LENGTH BYPASS OLDPWD PASSENGER_COUNT SSL_CERT_FILE AUTHOR KEY"
            " SESSION_TIMEOUT ACCESS_LOG SECRETS_DIR NO_TOKEN PASS PAT"
        )
    ),
)
def test_names_that_are_not(name: str) -> None:
    assert not secret_name(name)


def test_importing_the_validators_loads_nothing_dear() -> None:
    code = "import sys; from imgforge.secrets import secret_value; secret_value('x://y:z@w')\n"
    code += "print([m for m in ('hyperscan', 'cryptography', 'pydantic') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout.strip() == "[]"


def test_the_compiled_rules_are_kept_and_checked(tmp_path: Path) -> None:
    data = SAMPLES["github-token"].encode()
    make = candidates.__wrapped__
    wanted = [rule for rule in FILE_RULES if rule.id == "github-token"]
    assert list(make(tmp_path)(data)) == wanted
    [kept] = tmp_path.glob("*.hsdb")
    assert kept.stat().st_mode & 0o077 == 0
    good = kept.read_bytes()
    for bad in (b"", good[:-1], b"x" + good[1:], bytes(len(good))):
        kept.write_bytes(bad)
        assert list(make(tmp_path)(data)) == wanted
        assert kept.read_bytes()[:32] != bad[:32] or bad == good[:-1]
        assert len(kept.read_bytes()) == len(good)
    kept.chmod(0o666)
    assert list(make(tmp_path)(data)) == wanted
    assert kept.stat().st_mode & 0o022 == 0


def test_large_files_are_searched_across_windows(tmp_path: Path) -> None:
    token, filler = SAMPLES["github-token"], "some text in a log\n"
    window = LONGEST * 3
    limits = Limits(window=window)
    step = window - LONGEST - 64
    for at in (10, step - 20, step + 40, window - 20, window, 2 * step + 50, 5 * window):
        body = (filler * (at // len(filler) + 1))[:at] + "\n" + token + "\n" + filler * 20_000
        facts = made.layer(tmp_path, made.tar(made.file("big.log", body.encode())), limits)
        [hit] = facts.secrets
        assert (hit.offset, hit.line) == (at + 1, body[: at + 1].count("\n") + 1)


def test_many_large_texts_have_no_more_hits_than_they_should(tmp_path: Path) -> None:
    body = "".join(f"{madesecrets.checked('gh' + 'p_')}\n{'-' * 900}\n" for _ in range(300))
    facts = made.layer(
        tmp_path, made.tar(made.file("x", body.encode())), Limits(window=LONGEST * 2)
    )
    assert len(facts.secrets) == 300
    assert len({hit.offset for hit in facts.secrets}) == 300


def test_utf16_text_is_searched(tmp_path: Path) -> None:
    data = f"token: {SAMPLES['github-token']}\r\n".encode("utf-16")
    facts = made.layer(tmp_path, made.tar(made.file("notes.txt", data)))
    assert [hit.rule for hit in facts.secrets] == ["github-token"]


def test_too_many_hits_are_a_problem_not_a_flood(tmp_path: Path) -> None:
    body = "\n".join(madesecrets.checked("gh" + "p_") for _ in range(30))
    facts = made.layer(tmp_path, made.tar(made.file("x", body.encode())), Limits(secrets=10))
    assert len(facts.secrets) == 10
    assert [problem.detail for problem in facts.problems] == ["too many credentials"]


def test_patterns_keep_to_the_common_subset() -> None:
    for rule in RULES:
        assert not re.search(r"\(\?[=!<P]|\\[bBAZz1-9]|(?<!\[)\^|\$(?!\])", rule.pattern), rule.id
        assert rule.keywords
        assert all(word == word.lower() for word in rule.keywords)
