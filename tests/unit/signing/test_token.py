"""What a software token cannot be brought to do; all else is in tests/integration/test_keys.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Self

import pkcs11
import pytest
from pkcs11 import exceptions

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.signing import token
from imgforge.signing.pkcs11uri import Pkcs11Uri

URI = "pkcs11:object=k?module-path=/m.so"


def nobody() -> bytes:
    pytest.fail("no PIN is wanted")


class _Session:
    def __init__(self, opened: list[Any], given: object) -> None:
        opened.append(given)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def made(flags: pkcs11.TokenFlag, opened: list[Any]) -> Any:  # noqa: ANN401 - stands for a token
    def open_(*, rw: bool, user_pin: object) -> _Session:
        assert not rw
        return _Session(opened, user_pin)

    return SimpleNamespace(flags=flags, label="release", open=open_)


def test_a_locked_token_is_not_asked() -> None:
    opened: list[Any] = []
    locked = made(pkcs11.TokenFlag.LOGIN_REQUIRED | pkcs11.TokenFlag.USER_PIN_LOCKED, opened)
    pin = token._Pin(Pkcs11Uri.parse(URI), nobody)
    with pytest.raises(EvidenceError, match="release is locked"), token._logged_in(locked, pin):
        pass
    assert opened == []


def test_a_pad_takes_the_pin_where_the_token_has_one() -> None:
    opened: list[Any] = []
    flags = pkcs11.TokenFlag.LOGIN_REQUIRED | pkcs11.TokenFlag.PROTECTED_AUTHENTICATION_PATH
    pin = token._Pin(Pkcs11Uri.parse(URI), nobody)
    with token._logged_in(made(flags, opened), pin):
        assert opened == [pkcs11.types.PROTECTED_AUTH]


def test_a_token_without_a_login_is_given_none() -> None:
    opened: list[Any] = []
    pin = token._Pin(Pkcs11Uri.parse(URI), nobody)
    with token._logged_in(made(pkcs11.TokenFlag(0), opened), pin):
        assert opened == [None]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (exceptions.PinIncorrect(), "refuses this PIN"),
        (exceptions.PinLenRange(), "refuses this PIN"),
        (exceptions.PinLocked(), "is locked"),
        (exceptions.DeviceRemoved(), "was removed"),
        (exceptions.TokenNotPresent(), "was removed"),
        (exceptions.GeneralError("odd"), "GeneralError odd"),
    ],
    ids=str,
)
def test_each_refusal_is_told(raised: Exception, told: str) -> None:
    with pytest.raises(EvidenceError, match=told), token._explained("pkcs11:object=k"):
        raise raised


def test_a_point_without_its_header_is_read() -> None:
    point = bytes([4, *range(64)])
    assert token._octets(bytes([4, 65]) + point) == point
    assert token._octets(point) == point


def test_no_pin_and_nobody_to_ask() -> None:
    def none() -> bytes:
        raise InvalidInputError("no password for the private key")

    with pytest.raises(InvalidInputError, match="no password"):
        token._Pin(Pkcs11Uri.parse(URI), none).get()
