"""Dockerfiles that nobody wrote in good faith: a Dockerfile, or findings, and that soon."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgforge.checks.commands import every, pipelines, walk
from imgforge.checks.dockerfile import judge
from imgforge.checks.downloads import fetched_and_run, fetched_then_run, unverified
from imgforge.checks.installs import use
from imgforge.dockerfile import Dockerfile, hadolint
from imgforge.dockerfile.lines import LARGEST, MOST
from imgforge.dockerfile.stages import examine
from imgforge.dockerfile.words import ExpansionError, Meter, expand
from imgforge.errors import BuildFailedError
from imgforge.policy import Policy

POLICY = Policy()
PIECES = (
    *("FROM ", "RUN ", "COPY ", "ADD ", "ENV ", "ARG ", "USER ", "ONBUILD ", "HEALTHCHECK CMD "),
    *("EXPOSE ", "VOLUME ", "WORKDIR ", "CMD ", "SHELL ", "LABEL ", "--mount=", "--from=", "--x"),
    *(
        "# escape=`",
        "# syntax=",
        "\\",
        "`",
        "\n",
        "\r\n",
        " ",
        "\t",
        '"',
        "'",
        "$",
        "${",
        "}",
        ":-",
    ),
    *(
        "${a#",
        "${a/",
        "/",
        "*",
        "?",
        "=",
        "<<",
        "<<-",
        "EOF",
        "[",
        "]",
        '["a"]',
        "a",
        "b",
        "0",
        "$a",
    ),
    *("&&", "||", "|", ";", "(", ")", "$(", "if ", "then ", "fi", "case ", "in ", "esac", "curl "),
    *("sh", " -c ", "apt-get install ", "pip install ", "chmod 777", "\ufeff", "\x00", "\u2028"),
    *("type=secret,id=", "https://x.org/a", "@sha256:", " AS ", "scratch", "\udc80", "\u00e9"),
)
texts = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
quick = settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.too_slow])


@given(st.binary(max_size=400))
@quick
def test_any_bytes_are_judged(data: bytes) -> None:
    assert judge(data, "Dockerfile", POLICY)


@given(texts)
@quick
def test_any_text_of_dockerfiles_pieces_is_judged(text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    findings = judge(b"FROM a\n" + data, "Dockerfile", POLICY)
    last = data.count(b"\n") + 2
    assert findings
    assert all(1 <= finding.line <= last for finding in findings)
    for finding in findings:
        assert (finding.message + finding.key).isascii()
        assert (finding.message + finding.key).isprintable()


@given(texts)
@quick
def test_any_text_is_commands(text: str) -> None:
    found = pipelines(text)
    for command in every(found):
        assert 0 <= command.start <= len(text)
        list(unverified(command))
        use(command)
    list(walk(found))
    list(fetched_and_run(found))
    list(fetched_then_run(found))


@given(texts, st.dictionaries(st.sampled_from("ab"), texts, max_size=2), st.booleans())
@quick
def test_any_word_is_expanded_or_refused(word: str, env: dict[str, str], keep: bool) -> None:  # noqa: FBT001
    try:
        found = expand(word, env, keep_unset=keep)
    except ExpansionError:
        return
    assert all(found.words)


HUGE = {
    "one line": b"FROM a\nRUN " + b"a" * 70_000,
    "too many bytes": b"FROM a\n" + b"# x\n" * (LARGEST // 4),
    "too many instructions": b"FROM a\n" + b"USER 1\n" * (MOST + 1),
    "many stages": b"".join(b"FROM s%d AS s%d\n" % (i, i + 1) for i in range(MOST - 1)),
    "many sources": b"FROM a AS a\n" * 2000 + b"COPY --from=a x y\n" * 2000,
    "stages forward": b"".join(
        b"FROM a AS s%d\nCOPY --from=s%d x y\n" % (i, i + 1) for i in range(2000)
    ),
    "doubled variables": b"FROM a\nARG A=aaaaaaaaaa\n" + b"ARG A=$A$A\n" * 100,
    "doubled by patterns": b"FROM scratch\nARG A=aaaa\n" + b"ARG A=${A//a/aaaa}\n" * 100,
    "slow patterns": b"FROM scratch\nARG A=" + b"a" * 60_000 + b"\nARG B=${A%%*a*a*a*a*b}\n",
    "many slow patterns": b"FROM scratch\nARG A=" + b"a" * 4000 + b"\n" + b"ARG B=${A#*b}\n" * 4000,
    "deep variables": b"FROM a\nENV A=" + b"${a:-" * 10_000 + b"}" * 10_000 + b"\n",
    "chained onbuild": b"FROM a\n" + b"ONBUILD " * 8000 + b"RUN a\n",
    "deep json": b"FROM a\nCMD " + b"[" * 60_000 + b"\n",
    "long number": b"FROM a\nCMD [" + b"1" * 60_000 + b"]\n",
    "deep shell": b"FROM a\nRUN " + b"$(" * 30_000 + b"\n",
    "deep groups": b"FROM a\nRUN " + b"(" * 60_000 + b"\n",
    "nested shells": b"FROM a\nRUN " + b'sh -c "' * 8_000 + b"\n",
    "backticks": b"FROM a\nRUN " + b"`" * 60_000 + b"\n",
    "many heredocs": b"FROM a\nRUN " + b"<<a " * 10_000 + b"\n" + b"a\n" * 10_000,
    "open heredoc": b"FROM a\nCOPY <<a /x\n" + b"x\n" * 100_000,
    "many ports": b"FROM a\nEXPOSE " + b"1 " * 30_000 + b"\n",
    "many flags": b"FROM a\nCOPY " + b"--a " * 15_000 + b"a b\n",
    "many variables": b"FROM a\nENV " + b"A=$A " * 10_000 + b"\n",
    "many continuations": b"FROM a\nRUN " + b"a \\\n" * 100_000 + b"\n",
    "quotes": b"FROM a\nENV A=" + b"'\"" * 20_000 + b"\n",
    "carriage returns": b"FROM a\nRUN " + b"\r" * 60_000 + b"\n",
    "mounts": b"FROM a\nRUN " + b"--mount=type=secret,id=a " * 2500 + b"cat /run/secrets/a > b\n",
    "pipes": b"FROM a\nRUN " + b"curl x | sh | " * 4000 + b"\n",
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_huge_is_judged_soon(name: str) -> None:
    began = time.process_time()
    assert judge(HUGE[name], "Dockerfile", POLICY)
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    "name",
    ["one line", "too many bytes", "too many instructions", "doubled variables", "deep variables"],
)
def test_what_is_beyond_bounds_is_said_so(name: str) -> None:
    assert not isinstance(examine(HUGE[name]), Dockerfile)


def test_the_cost_of_expansion_is_bounded() -> None:
    with pytest.raises(ExpansionError):
        expand("$a" * 100, {"a": "x" * 1000}, meter=Meter(50_000))


def test_a_credential_in_a_name_is_not_shown() -> None:
    findings = judge(b"FROM a\nADD https://u:hunter22@x.org/a /b\n", "Dockerfile", POLICY)
    assert "hunter22" not in str(findings)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"no json",
        b"{}x",
        b"1",
        b'{"a": 1}',
        b"[1]",
        b"[{}]",
        b'[{"code": "DL3000", "line": "1", "message": "a", "level": "error"}]',
        b'[{"code": "DL3000", "line": -1, "message": "a", "level": "error"}]',
        b'[{"code": "IF101", "line": 1, "message": "a", "level": "error"}]',
        b'[{"code": "DL3000", "line": 1, "message": "a", "level": "fatal"}]',
        b'[{"code": "DL3000", "line": 1, "message": ["a"], "level": "error"}]',
        b'[{"code": "DL3000", "line": true, "message": "a", "level": "error"}]',
        b"[" * 100_000,
    ],
)
def test_a_broken_report_of_hadolint_is_an_error(output: bytes) -> None:
    with pytest.raises(BuildFailedError, match="hadolint"):
        hadolint.read(output, "Dockerfile")
