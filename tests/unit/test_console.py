from __future__ import annotations

import io

import pytest

from imgforge.console import Console
from imgforge.errors import InvalidInputError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_file_gets_plain_lines() -> None:
    stream = io.StringIO()
    with Console(stream).step("build") as say:
        say("copying")
    lines = stream.getvalue().splitlines()
    assert lines[0].strip() == "copying"
    assert lines[1].startswith("    ok build (")
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_one_live_line_and_colour() -> None:
    stream = Terminal()
    with Console(stream).step("build") as say:
        say("copying")
    assert "\r" in stream.getvalue()
    assert "\x1b[32m    ok\x1b[0m build" in stream.getvalue()


@pytest.mark.parametrize("name", ["NO_COLOR", "CI"])
def test_colour_can_be_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    stream = Terminal()
    Console(stream).warn("careful")
    assert "\x1b[33m" not in stream.getvalue()


def test_a_failed_step_says_so() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="x"), Console(stream).step("build"):
        raise ValueError("x")
    assert "failed build" in stream.getvalue()


def test_quiet_leaves_errors() -> None:
    stream = io.StringIO()
    console = Console(stream, quiet=True)
    console.note("nothing")
    with console.step("build") as say:
        say("nothing")
    console.error(InvalidInputError("wrong", details=["here\nand here"], hint="do that"))
    assert stream.getvalue() == "error: wrong\n  here\n  and here\nhint: do that\n"


def test_what_comes_from_outside_cannot_move_the_cursor() -> None:
    stream = io.StringIO()
    Console(stream).note("name\x07\x9b2J\r\nevil")
    assert stream.getvalue() == "       name\ufffd\ufffd2J\ufffd\ufffdevil\n"


def test_what_comes_from_outside_brings_no_colour() -> None:
    for stream in (io.StringIO(), Terminal()):
        console = Console(stream)
        console.note("note \x1b[2Kevil")
        console.warn("warning \x1b[2Kevil")
        console.error(InvalidInputError("m\x1b[2K", details=["d\x1b[2K"], hint="h\x1b[2K"))
        with console.step("step \x1b[2Kevil") as say:
            say("detail \x1b[2Kevil")
        assert "\x1b[2K" not in stream.getvalue()


def test_a_hint_of_several_lines_stays_readable() -> None:
    stream = io.StringIO()
    Console(stream).error(InvalidInputError("no", hint="add:\n  [[bases.trust]]\n  key = 1"))
    assert stream.getvalue() == "error: no\nhint: add:\n  [[bases.trust]]\n  key = 1\n"
