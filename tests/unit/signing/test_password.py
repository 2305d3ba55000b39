from __future__ import annotations

import io
from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.signing import password


@pytest.fixture(autouse=True)
def _no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in password.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_without_any_source_nobody_is_asked() -> None:
    with pytest.raises(InvalidInputError, match="no password") as caught:
        password.read()
    assert "--password-file" in str(caught.value.hint)


def test_our_variable_goes_before_cosigns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "theirs")
    assert password.read() == b"theirs"
    monkeypatch.setenv("IMGFORGE_KEY_PASSWORD", "ours")
    assert password.read() == b"ours"


def test_an_empty_variable_is_an_empty_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    assert password.read() == b""


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"pw", b"pw"), (b"pw\n", b"pw"), (b"pw\r\n", b"pw"), (b" p w \n\n", b" p w \n"), (b"", b"")],
)
def test_a_file_goes_first_and_loses_one_line_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, expected: bytes
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "theirs")
    (tmp_path / "p").write_bytes(content)
    assert password.read(tmp_path / "p") == expected


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot read"):
        password.read(tmp_path / "none")
    (tmp_path / "large").write_bytes(b"x" * 5000)
    with pytest.raises(InvalidInputError, match="over"):
        password.read(tmp_path / "large")
