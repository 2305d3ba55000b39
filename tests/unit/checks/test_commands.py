from __future__ import annotations

import time

import pytest

from imgforge.checks.commands import Command, every, exec_form, options, pipelines, walk


def said(text: str) -> list[str]:
    return [" ".join(command.words) for command in every(pipelines(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a b; c && d || e & f", ["a b", "c", "d", "e", "f"]),
        ("a 'b c' \"d; e\" f\\ g", ["a b c d; e f g"]),
        ('a "x\\"y" \'z\\\'', ['a x"y z\\']),
        ("a # b\nc", ["a", "c"]),
        ("a#b", ["a#b"]),
        ("a \\\n b", ["a b"]),
        ("! a; { b; }; (c; d)", ["a", "b", "c", "d"]),
        ("if a; then b; elif c; then d; else e; fi; f", ["a", "b", "c", "d", "e", "f"]),
        ("for x in $(a) b; do c $x; done", ["a", "c $x"]),
        ("while a; do b; done < file", ["a", "b"]),
        ("case $(a) in b|c) d;; (*) e; esac; f", ["a", "d", "e", "f"]),
        ("f() { a; }; function g { b; }", ["f", "a", "b"]),
        ("echo `a \\`b\\``", ["echo `a \\`b\\``", "a `b`", "b"]),
        ("echo ${x:-$(a b)} \"$(c 'd)')\"", ["echo ${x:-$(a b)} $(c 'd)')", "a b", "c d)"]),
        ("diff <(a) >(b)", ["diff <(a) >(b)", "a", "b"]),
        ("sh -ec 'a; b'", ["sh -ec a; b", "a", "b"]),
        ("bash -euo pipefail -c 'a'", ["bash -euo pipefail -c a", "a"]),
        ("su -c 'a b' user", ["su -c a b user", "a b"]),
        ('eval "a b"', ["eval a b", "a b"]),
        ("find / -exec a b {} +", ["find / -exec a b {} +", "a b {}"]),
        ("a 2>&1 >/dev/null &>x b", ["a b"]),
        ("cat <<EOF >x\na $(b)\nEOF\nc", ["cat", "c"]),
        ("cat <<EOF\nnever ended\na", ["cat", "never ended", "a"]),
        ("(sh <<'A' && b <<-C)\na\nA\nx\n\tC\nc", ["sh", "a", "b", "c"]),
        ("echo $((1<<2))\na", ["echo $((1<<2))", "a"]),
        ("a 'never ended; b", ["a never ended; b"]),
        ("a ) b", ["a", "b"]),
    ],
)
def test_commands_are_found_as_a_shell_would(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "words", "through"),
    [
        ("sudo -E -u app /bin/bash -s", ("/bin/bash", "-s"), ("sudo",)),
        ("sudo A=1 env -u B C=2 make", ("make",), ("sudo", "env")),
        ("xargs -0 -n 1 rm", ("rm",), ("xargs",)),
        ("timeout -k 5 30s curl x", ("curl", "x"), ("timeout",)),
        ("exec -- a", ("a",), ("exec",)),
        ("command -v curl", ("command", "-v", "curl"), ()),
        ("sudo", ("sudo",), ()),
        ("/usr/bin/busybox wget x", ("wget", "x"), ("busybox",)),
    ],
)
def test_what_a_command_is_started_through(
    text: str, words: tuple[str, ...], through: tuple[str, ...]
) -> None:
    command = next(every(pipelines(text)))
    assert (command.words, command.through) == (words, through)


def test_a_command_has_its_name_variables_redirections_and_place() -> None:
    text = "cd /x && A=1 B='2 3' /usr/bin/tee -a f >>'o ut' <<<\"in\" | sh"
    first, second = pipelines(text)
    tee, shell = second.commands
    assert [c.name for c in first.commands] == ["cd"]
    assert (tee.name, tee.args) == ("tee", ("-a", "f"))
    assert tee.assigned == ("A=1", "B=2 3")
    assert [(r.operator, r.target) for r in tee.redirects] == [(">>", "o ut"), ("<<<", "in")]
    assert tee.stdin == "in"
    assert text[tee.start :].startswith("A=1")
    assert shell.name == "sh"


def test_what_is_handed_to_a_shell_has_the_place_of_the_command_that_hands_it() -> None:
    text = "a; sh -c 'b; c'"
    assert [c.start for c in every(pipelines(text))] == [0, 3, 3, 3]


def test_a_group_stands_in_its_pipeline() -> None:
    found = pipelines("(a; b) | c")
    assert [c.name for c in found[0].commands] == ["", "c"]
    assert [c.name for p in walk(found) for c in p.commands if c.words] == ["c", "a", "b"]


def test_a_pipe_goes_on_in_the_next_line() -> None:
    found = pipelines("a |\n\n # comment\n b\nc")
    assert [[c.name for c in p.commands] for p in found] == [["a", "b"], ["c"]]


def test_exec_form_is_one_command() -> None:
    (pipeline,) = exec_form(["sudo", "sh", "-c", "a && b"])
    (command,) = pipeline.commands
    assert (command.name, command.through) == ("sh", ("sudo",))
    assert [c.name for c in every([pipeline])] == ["sh", "a", "b"]
    assert exec_form([]) == ()
    assert exec_form(["a", ";", "b"])[0].commands == (Command(("a", ";", "b")),)


def test_options_and_operands() -> None:
    found = options(
        ("-sSLo", "k", "-ofile", "--output", "x", "--max-time=5", "-k", "u", "-", "--", "-z"),
        {"-o", "--output"},
    )
    assert found.operands == ("u", "-", "-z")
    assert list(found.values("-o", "--output")) == ["k", "file", "x"]
    assert list(found.values("--max-time")) == ["5"]
    assert found.has("-k", "--insecure")
    assert not found.has("-z")


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "$(",
        "`",
        "<<a ",
        "{ ",
        "if ",
        '"$(',
        "sh -c '",
        "\\",
        "${",
        "case x in ",
        "a|",
        "\n<<-b",
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    began = time.process_time()
    list(every(pipelines(piece * (60_000 // len(piece)))))
    assert time.process_time() - began < 5


def test_what_is_nested_too_deep_is_still_seen() -> None:
    assert "curl x" in said("(" * 200 + "curl x" + ")" * 200)
    assert "curl x" in said("$(" * 200 + "curl x" + ")" * 200)
