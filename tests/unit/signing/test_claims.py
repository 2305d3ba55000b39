"""What certificates say, and globs on it."""

from __future__ import annotations

import madesigstore
import pytest
from cryptography import x509
from madesigstore import CLAIMS as SAID
from madesigstore import ISSUER, Sigstore

from imgforge.signing import certificates, claims

MADE = Sigstore()
KEY = madesigstore.new_key()


def read(**given: object) -> dict[str, str]:
    return claims.read(certificates.load(MADE.certificate(KEY, **given)))  # type: ignore[arg-type]


def test_all_of_fulcios_extensions_are_read() -> None:
    arcs = {claim.arc: name for name, claim in claims.CLAIMS.items() if claim.arc}
    assert sorted(arcs) == [8, *range(9, 24)]
    texts = {arc: f"https://{arc}" for arc in arcs}
    found = read(claims=texts)
    assert {name: found[name] for name in arcs.values()} == {
        name: texts[arc] for arc, name in arcs.items()
    }
    assert found["identity"] == madesigstore.IDENTITY


def test_githubs_older_extensions_stand_in() -> None:
    older = {1: ISSUER, 2: "push", 3: "0" * 40, 4: "release", 5: "acme/web", 6: "refs/heads/main"}
    found = read(claims={}, raw={arc: text.encode() for arc, text in older.items()})
    assert found == {
        "identity": madesigstore.IDENTITY,
        "issuer": ISSUER,
        "repository": "https://github.com/acme/web",
        "ref": "refs/heads/main",
        "commit": "0" * 40,
        "workflow-name": "release",
        "trigger": "push",
    }
    elsewhere = {1: b"https://ghes.example.com", 5: b"acme/web"}
    assert "repository" not in read(claims={}, raw=elsewhere)
    assert read(raw={1: ISSUER.encode(), 6: b"refs/heads/other"})["ref"] == "refs/heads/main"


@pytest.mark.parametrize("length", [5, 127, 128, 200, 300])
def test_fulcios_own_names_are_read(length: int) -> None:
    name = "u" * length
    value = madesigstore.utf8(name)
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), value)
    assert read(names=[other])["identity"] == name


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("https://github.com/acme/web", "https://github.com/acme/web"),
        ("https://github.com/acme/web", "https://github.com/acme/*"),
        ("https://github.com/acme/web", "https://*.com/acme/web"),
        ("https://github.com/acme/a/b@refs/tags/v1", "https://github.com/acme/*@refs/tags/v*"),
        ("dev@example.com", "*@example.com"),
        ("dev@example.com", "dev@*"),
        ("spiffe://a.test/x", "spiffe://a.test/?"),
        ("refs/heads/main", "refs/heads/*"),
        ("refs/tags/@scope/pkg@1.0", "refs/tags/*"),
        ("refs/tags/@scope/pkg@1.0", "refs/tags/@scope/*@1.*"),
        ("anything://at/all", "*"),
        ("dev@example.com", "*"),
    ],
)
def test_globs_match(value: str, pattern: str) -> None:
    assert claims.fits(value, pattern)


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("https://github.com/acme/web", "https://github.com/acme"),
        ("https://github.com/acme/web", "https://github.com/acme/we"),
        ("https://github.com/Acme/web", "https://github.com/acme/*"),
        ("https://github.com.evil.org/acme/web", "https://github.com/*"),
        ("https://evil.org/github.com/acme/web", "https://*github.com/acme/web"),
        ("https://evil.org/.example.com/x", "https://*.example.com/*"),
        ("https://evil.org/x", "https://*/acme/x"),
        ("http://github.com/acme/web", "https://github.com/acme/*"),
        ("https://evil.org/https://github.com/acme/web", "*://github.com/acme/web"),
        (
            "https://github.com/evil/x/.github/workflows/a.yml@refs/tags/a@example.com",
            "*@example.com",
        ),
        ("evil@example.org@example.com", "*@example.org"),
        ("dev@example.com.evil.org", "dev@example.com"),
        ("dev@mail.example.com", "*@example.com"),
        ("dev@example.com", "dev*"),
        ("refs/tags/dev@example.com", "*@example.com"),
        ("https://github.com/acme/web", "*github.com/acme/web"),
        ("https://github.com/acme/web", "*/acme/web"),
        ("refs/heads/main", "heads/*"),
        ("https://github.com/acme/web\n", "https://github.com/acme/web"),
        ("", "?"),
    ],
)
def test_globs_do_not_cross(value: str, pattern: str) -> None:
    assert not claims.fits(value, pattern)


def test_a_short_repository_is_githubs() -> None:
    assert claims.full("repository", "acme/web") == "https://github.com/acme/web"
    assert claims.full("repository", "acme/*") == "https://github.com/acme/*"
    assert claims.full("owner", "acme") == "https://github.com/acme"
    assert claims.full("repository", "https://gitlab.com/a/b") == "https://gitlab.com/a/b"
    assert claims.full("repository", "*") == "*"
    assert claims.full("ref", "refs/heads/main") == "refs/heads/main"
    said = {"repository": "https://gitlab.com/acme/web"}
    assert claims.unmet(said, {"repository": "acme/web"}) is not None
    assert claims.unmet(said, {"repository": "*/web"}) is not None
    assert claims.unmet(said, {"repository": "https://gitlab.com/acme/*"}) is None


def test_a_glob_that_lacks_the_scheme_is_told_so() -> None:
    workflow = "https://github.com/acme/web/.github/workflows/release.yml@refs/tags/v1"
    reason = claims.unmet({"workflow": workflow}, {"workflow": "*release.yml*"})
    assert reason == f"its workflow is '{workflow}', and '*release.yml*' has no https://"


def test_what_a_report_calls_claims_is_what_certificates_say() -> None:
    assert set(read()) == {name for name, claim in claims.CLAIMS.items() if claim.arc in SAID} | {
        "identity"
    }
