from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.signing.pkcs11uri import MODULES, Pkcs11Uri

MODULE = "?module-path=/m.so"


@pytest.fixture(autouse=True)
def _no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MODULES:
        monkeypatch.delenv(name, raising=False)


def test_all_that_it_may_say() -> None:
    uri = (
        "pkcs11:token=The%20Token;serial=4a;manufacturer=M;model=X;slot-id=7;object=a%3Bb;"
        "id=%01%ff;type=private?module-path=/m.so&pin-value=12%2634"
    )
    assert Pkcs11Uri.parse(uri) == Pkcs11Uri(
        {"token": "The Token", "serial": "4a", "manufacturer": "M", "model": "X"},
        7,
        "a;b",
        b"\x01\xff",
        Path("/m.so"),
        "12&34",
    )


def test_the_module_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="names no module"):
        Pkcs11Uri.parse("pkcs11:object=a")
    monkeypatch.setenv("COSIGN_PKCS11_MODULE_PATH", "/theirs.so")
    assert Pkcs11Uri.parse("pkcs11:object=a").module == Path("/theirs.so")
    monkeypatch.setenv("IMGFORGE_PKCS11_MODULE", "/ours.so")
    assert Pkcs11Uri.parse("pkcs11:object=a").module == Path("/ours.so")
    assert Pkcs11Uri.parse("pkcs11:object=a?module-path=/m.so").module == Path("/m.so")


@pytest.mark.parametrize("scheme", ["", "file:"])
def test_a_pin_may_stand_in_a_file(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "pin").write_bytes(b"1234\n")
    uri = f"pkcs11:object=a{MODULE}&pin-source={scheme}{tmp_path}/pin"
    assert Pkcs11Uri.parse(uri).pin == "1234"
    (tmp_path / "pin").write_bytes(b"1" * 300)
    with pytest.raises(InvalidInputError, match="over"):
        Pkcs11Uri.parse(uri)
    (tmp_path / "pin").unlink()
    with pytest.raises(InvalidInputError, match="cannot read the PIN"):
        Pkcs11Uri.parse(uri)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("pkcs11:", "names no key"),
        ("pkcs11:token=a", "names no key"),
        ("pkcs11:object=a;object=b", "object twice"),
        ("pkcs11:object=a;library-version=3", "does not know its attribute library-version"),
        ("pkcs11:object=a;type=public", "a private key is wanted"),
        ("pkcs11:object=a;slot-id=x", "not a number"),
        ("pkcs11:object=%ff", "not UTF-8"),
        ("pkcs11:object=a b", "NAME=VALUE"),
        ("pkcs11:object=a%4", "NAME=VALUE"),
        ("pkcs11:object", "NAME=VALUE"),
        ("pkcs11:object=a;;id=b", "NAME=VALUE"),
        ("pkcs11:object=a?module-path=m.so", "not an absolute path"),
        ("pkcs11:object=a?module-name=m", "does not know its attribute module-name"),
        (f"pkcs11:object=a{MODULE}&pin-value=1234&pin-source=/x", "both pin-value and pin-source"),
        (f"pkcs11:object=a{MODULE}&pin-source=|echo%201234", "not an absolute path"),
        (f"pkcs11:object=a{MODULE}&pin-value=1234;x", "NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_said_without_a_pin(uri: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told) as caught:
        Pkcs11Uri.parse(uri)
    if "pin-value" in uri:
        assert "1234" not in str(caught.value)
