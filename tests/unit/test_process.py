from __future__ import annotations

import sys
import time

import pytest

from imgforge import process
from imgforge.errors import BuildFailedError, ToolMissingError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_both_pipes_are_drained_however_much_is_said() -> None:
    code = "import sys; sys.stdout.write('o' * 10**6); sys.stderr.write('e' * 10**6)"
    result = process.run(python(code))
    assert (len(result.stdout), len(result.stderr)) == (10**6, 10**6)
    lines: list[str] = []
    result = process.run(python(code), on_line=lines.append)
    assert (len(result.stdout), len(lines[0])) == (10**6, 10**6)


def test_a_child_has_no_input_and_only_the_environment_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    code = "import os, sys; print(sys.stdin.read() == '', sorted(os.environ))"
    out = process.run(python(code), env={"GIVEN": "1"}).stdout.decode()
    assert out.startswith("True")
    assert "SECRET_OF_OURS" not in out
    assert "'GIVEN'" in out
    assert "'LC_ALL'" in out


def test_a_failure_carries_the_tail_of_what_was_said_without_secrets() -> None:
    code = "import sys; [print(i, 'hunter2', file=sys.stderr) for i in range(1000)]; sys.exit(7)"
    with pytest.raises(BuildFailedError, match="exit code 7") as caught:
        process.run(python(code), secrets=["hunter2"])
    assert len(caught.value.details) == process.TAIL
    assert caught.value.details[-1] == "999 [redacted]"


def test_lines_are_redacted_as_they_come() -> None:
    lines: list[str] = []
    code = "import sys; print('token abcdef and abc', file=sys.stderr)"
    process.run(python(code), secrets=["abc", "abcdef"], on_line=lines.append)
    assert lines == ["token [redacted] and [redacted]"]


@pytest.mark.parametrize("follow", [False, True])
def test_time_runs_out(follow: bool) -> None:  # noqa: FBT001
    start = time.monotonic()
    with pytest.raises(BuildFailedError, match="took over"):
        process.run(
            python("import time; time.sleep(30)"),
            timeout=0.3,
            on_line=print if follow else None,
        )
    assert time.monotonic() - start < 10


def test_a_missing_program_is_exit_3() -> None:
    with pytest.raises(ToolMissingError, match="not installed"):
        process.run(["/nonexistent/program"])


def test_a_failure_can_be_looked_at_instead() -> None:
    assert process.run(python("raise SystemExit(4)"), check=False).code == 4


def test_an_argument_is_never_a_shell_word() -> None:
    out = process.run([*python("import sys; print(sys.argv[1])"), "$(id) `id` ; true"]).stdout
    assert out == b"$(id) `id` ; true\n"
