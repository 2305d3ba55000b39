"""The simple commands in shell text: what a ``RUN`` or a line of an image's history starts.

A reader of its own, by POSIX.1-2017 chapter 2 (Shell Command Language) and what bash adds to it:
quotes, lists, pipelines, groups, compound commands, redirections, here-documents, substitutions,
and the texts that are handed to another shell (``sh -c``, ``eval``). Nothing is expanded: a word
keeps its ``$NAME`` and ``$(...)`` as written. It never fails: text that no shell would accept still
gives the commands that can be seen in it. Time is linear in the text, for each level of nesting.
"""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

DEEPEST: Final = 24
"""Levels of nesting; what lies deeper is read as if it stood side by side."""

SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash"})

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=", re.ASCII)
_REDIRECT: Final = re.compile(r"&>|[<>](?!\()")
_OPERATOR: Final = re.compile(r"&>>|<<<|<<-|&>|>>|>&|>\||<<|<&|<>|<|>")
_FUNCTION: Final = re.compile(r"[ \t]+[^\s;&|()<>]+(?:[ \t]*\([ \t]*\))?")
_BLANK: Final = frozenset(" \t\r")
_ENDS_WORD: Final = frozenset(" \t\r\n;&|()<>")
_OPENS: Final = {
    "{": "}",
    "if": "fi",
    "case": "esac",
    **dict.fromkeys(("for", "select", "while", "until"), "done"),
}
_SKIPPED: Final = frozenset({"then", "do", "else", "elif", "!", "coproc"})
_HEADED: Final = frozenset({"for", "select", "case"})


@dataclass(frozen=True, slots=True)
class Redirect:
    """``operator`` (``>``, ``<<`` ...) and the word behind it."""

    operator: str
    target: str


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command, or a group (then without words).

    ``words`` are without their quotes and begin with the program that runs in the end; what it was
    started through (``sudo``, ``env``, ``xargs`` ...) stands in ``through``, outermost first.
    ``assigned`` are the ``NAME=value`` before it. ``stdin`` is the text of a here-document or
    here-string. ``inner`` is what runs within its words (substitutions) or its group, ``script``
    what it is told to run as text (``sh -c``, ``eval``, ``find -exec``, a shell's here-document).
    ``start`` is the offset in the text where it begins.
    """

    words: tuple[str, ...]
    assigned: tuple[str, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    through: tuple[str, ...] = ()
    stdin: str = ""
    inner: tuple[Pipeline, ...] = ()
    script: tuple[Pipeline, ...] = ()
    start: int = 0

    @property
    def name(self) -> str:
        """The program without its folder; empty for a group."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @property
    def args(self) -> tuple[str, ...]:
        """The words behind the program."""
        return self.words[1:]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands of which each is fed the output of the one before."""

    commands: tuple[Command, ...]


class Options(NamedTuple):
    """The options of a command (name as ``-k`` or ``--insecure``, and value) and its operands."""

    given: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Whether one of ``names`` is given."""
        return any(name in names for name, _ in self.given)

    def values(self, *names: str) -> Iterator[str]:
        """Yield the values of all that are called one of ``names``."""
        return (value for name, value in self.given if name in names)


def pipelines(text: str) -> tuple[Pipeline, ...]:
    """Return the pipelines of ``text`` in order; those within commands stand in the commands."""
    return _Reader(text, 0, None).items("")


def exec_form(words: Sequence[str]) -> tuple[Pipeline, ...]:
    """Return the pipeline that a command has which no shell reads (``["curl", "-k"]``)."""
    draft = _Draft(words=list(words))
    return (Pipeline((_finished(draft, 0),)),) if words else ()


def walk(found: Collection[Pipeline]) -> Iterator[Pipeline]:
    """Yield every pipeline, those within commands after the one they are in."""
    for pipeline in found:
        yield pipeline
        for command in pipeline.commands:
            yield from walk(command.inner)
            yield from walk(command.script)


def every(found: Collection[Pipeline]) -> Iterator[Command]:
    """Yield every command with words, however deep it is nested."""
    for pipeline in walk(found):
        yield from (command for command in pipeline.commands if command.words)


def options(args: Sequence[str], valued: Collection[str] = ()) -> Options:
    """Tell options from operands; ``valued`` are those (``-o``, ``--output``) that take a value.

    Short options may stand together (``-sSLo file``), long ones have their value behind ``=`` or
    as the next word. ``--`` ends the options.
    """
    given: list[tuple[str, str]] = []
    operands: list[str] = []
    rest = iter(args)
    for word in rest:
        if word == "--":
            operands += rest
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            given.append((name, next(rest, "") if not equals and name in valued else value))
        elif word.startswith("-") and len(word) > 1:
            for index, letter in enumerate(word[1:], 2):
                if f"-{letter}" in valued:
                    given.append((f"-{letter}", word[index:] or next(rest, "")))
                    break
                given.append((f"-{letter}", ""))
        else:
            operands.append(word)
    return Options(tuple(given), tuple(operands))


class _Wrapper(NamedTuple):
    """A program that starts another: its options with values, and its operands before that."""

    valued: frozenset[str] = frozenset()
    operands: int = 0


def _wrapper(valued: str = "", operands: int = 0) -> _Wrapper:
    return _Wrapper(frozenset(valued.split()), operands)


_THROUGH: Final[dict[str, _Wrapper]] = {
    "sudo": _wrapper("-u -g -h -p -C -r -t -T -U -D -R --user --group --chdir --host --prompt"),
    "doas": _wrapper("-u -C"),
    "env": _wrapper("-u -C --unset --chdir"),
    "exec": _wrapper("-a"),
    "command": _wrapper(),
    "builtin": _wrapper(),
    "nohup": _wrapper(),
    "time": _wrapper("-f -o"),
    "nice": _wrapper("-n --adjustment"),
    "ionice": _wrapper("-c -n --class --classdata"),
    "timeout": _wrapper("-k -s --kill-after --signal", 1),
    "xargs": _wrapper("-n -P -I -L -d -E -a -s --max-args --max-procs --replace --delimiter"),
    "chroot": _wrapper("", 1),
    "gosu": _wrapper("", 1),
    "su-exec": _wrapper("", 1),
    "setpriv": _wrapper("--reuid --regid --groups --inh-caps --bounding-set"),
    "stdbuf": _wrapper("-i -o -e"),
    "busybox": _wrapper(),
    "eatmydata": _wrapper(),
    "fakeroot": _wrapper(),
    "dumb-init": _wrapper(),
    "tini": _wrapper("-p -e"),
}


@dataclass(slots=True)
class _Draft:
    """A command while it is read; the words of a ``header`` (``for x in a b``) start nothing."""

    words: list[str] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    inner: list[Pipeline] = field(default_factory=list)
    stdin: str = ""
    start: int = 0
    group: bool = False
    header: bool = False

    def empty(self) -> bool:
        return not (self.words or self.redirects or self.inner or self.group)


@dataclass(slots=True)
class _List:
    """A list of pipelines while it is read, up to the word or bracket ``stop``.

    ``pattern`` is whether a pattern of a ``case`` may stand here.
    """

    stop: str
    depth: int
    draft: _Draft
    pipe: list[Command] = field(default_factory=list)
    done: list[Pipeline] = field(default_factory=list)
    ended: bool = False
    pattern: bool = False

    def end(self, *, piped: bool = False) -> None:
        """End a command, and the pipeline too unless its output is ``piped`` on."""
        if self.draft.header:
            self.draft.words.clear()
        if not self.draft.empty():
            self.pipe.append(_finished(self.draft, self.depth))
        self.draft = _Draft()
        if self.pipe and not piped:
            self.done.append(Pipeline(tuple(self.pipe)))
            self.pipe.clear()


class _Reader:
    """Reads one text. Commands get ``base`` as their offset if it is not None."""

    def __init__(self, text: str, depth: int, base: int | None) -> None:
        self._text = text
        self._depth = depth
        self._base = base
        self._at = 0
        self._bodies: dict[int, int] = {}  # the end of a line -> that of its here-documents
        self._lines: dict[str, list[int]] | None = None

    def items(self, stop: str, *, header: bool = False) -> tuple[Pipeline, ...]:
        """Read a list up to the word or bracket ``stop``, or to the end."""
        text, size = self._text, len(self._text)
        found = _List(stop, self._depth, _Draft(header=header))
        while self._at < size and not found.ended:
            char = text[self._at]
            if char in _BLANK:
                self._at += 1
            elif text.startswith("\\\n", self._at):
                self._at += 2
            elif char == "\n":
                self._newline(found)
            elif char == "#":
                self._at = _find(text, "\n", self._at)
            elif char in "<>&" and _REDIRECT.match(text, self._at):
                self._redirect(found.draft)
            elif char in ";&|":
                self._operator(found)
            elif char in "()":
                self._bracket(found)
            elif self._too_deep():
                self._at += 2
                found.end()
            else:
                self._plain(found)
        found.end()
        return tuple(found.done)

    def _newline(self, found: _List) -> None:
        # Behind a pipe the next line goes on with it.
        if not (found.pipe and found.draft.empty()):
            found.end()
        self._at = self._bodies.get(self._at, self._at + 1)

    def _operator(self, found: _List) -> None:
        text = self._text[self._at : self._at + 2]
        self._at += 2 if text in {"&&", "||", ";;", "|&", ";&"} else 1
        if found.stop == "esac" and text in {";;", ";&"}:
            found.pattern = True
        found.end(piped=text[0] == "|" and text != "||")

    def _bracket(self, found: _List) -> None:
        opening = self._text[self._at] == "("
        self._at += 1
        if found.pattern:
            if not opening:
                found.pattern = False
                found.draft = _Draft()
                found.pipe.clear()
        elif opening:
            if not (found.draft.empty() and self._nest(found.draft, ")")):
                found.end()  # of a function, or too deep
        elif found.stop == ")":
            found.ended = True
        else:
            found.end()

    def _plain(self, found: _List) -> None:
        """Read a word, or the group that it begins or ends."""
        draft, start = found.draft, self._at
        word = self._word(draft)
        raw = self._text[start : self._at]
        if word.isdigit() and self._text[self._at : self._at + 1] in {"<", ">"}:
            return  # a file descriptor
        if draft.header:
            if raw == "in" and found.stop == "esac":
                found.end()
                found.pattern = True
            else:
                draft.words.append(word)
            return
        if draft.empty():
            draft.start = start if self._base is None else self._base
            if raw == found.stop:
                found.ended = True
                return
            if raw == "function":
                name = _FUNCTION.match(self._text, self._at)
                self._at = name.end() if name else self._at
                return
            if raw in _SKIPPED or (raw in _OPENS and self._nest(draft, _OPENS[raw], raw)):
                return
        if not draft.group:
            draft.words.append(word)

    def _nest(self, draft: _Draft, stop: str, opened: str = "") -> bool:
        """Read a group up to ``stop`` into ``draft``; False where it would be too deep."""
        if self._depth >= DEEPEST:
            return False
        self._depth += 1
        draft.group = True
        draft.inner += self.items(stop, header=opened in _HEADED)
        self._depth -= 1
        return True

    def _redirect(self, draft: _Draft) -> None:
        text = self._text
        found = _OPERATOR.match(text, self._at)
        operator = found[0] if found else text[self._at]
        self._at += len(operator)
        while text[self._at : self._at + 1] in _BLANK:
            self._at += 1
        if draft.empty():
            draft.start = self._at if self._base is None else self._base
        target = self._word(draft)
        draft.redirects.append(Redirect(operator, target))
        if operator == "<<<":
            draft.stdin = target
        elif operator in {"<<", "<<-"} and target:
            self._heredoc(draft, target, tabs=operator == "<<-")

    def _heredoc(self, draft: _Draft, name: str, *, tabs: bool) -> None:
        """Take the text from the next line to the line ``name``; without that it is none."""
        line_end = _find(self._text, "\n", self._at)
        start = self._bodies.get(line_end, line_end + 1)
        if self._lines is None:
            self._lines = {}
            at = 0
            for line in self._text.split("\n"):
                self._lines.setdefault(line.lstrip("\t"), []).append(at)
                at += len(line) + 1
        places = self._lines.get(name, [])
        for place in places[bisect_left(places, start) :]:
            if tabs or self._text.startswith(name, place):
                body = self._text[start:place]
                draft.stdin = re.sub(r"(?m)^\t+", "", body) if tabs else body
                self._bodies[line_end] = _find(self._text, "\n", place) + 1
                return

    def _word(self, draft: _Draft) -> str:
        """Read one word without its quotes; what it substitutes goes into ``draft``."""
        text, size = self._text, len(self._text)
        out: list[str] = []
        braces = 0
        quoted = False
        while self._at < size:
            char = text[self._at]
            if char == '"':
                quoted = not quoted
                self._at += 1
            elif self._too_deep():
                break
            elif char in "\\`$<>" and self._special(draft, out, quoted=quoted):
                braces += out[-1:] == ["${"]
            elif quoted or char not in _ENDS_WORD | {"'"} or (braces and char != "'"):
                braces -= char == "}" and braces > 0
                out.append(char)
                self._at += 1
            elif char == "'":
                end = _find(text, "'", self._at + 1)
                out.append(text[self._at + 1 : end])
                self._at = end + 1
            else:
                break
        return "".join(out)

    def _special(self, draft: _Draft, out: list[str], *, quoted: bool) -> bool:
        """Read an escape or a substitution, if there is one here."""
        text = self._text
        if text[self._at] == "\\":
            self._escape(out, quoted=quoted)
        elif text[self._at] == "`":
            self._backticks(draft, out)
        elif text.startswith("$(", self._at):
            self._substitute(draft, out)
        elif text.startswith("${", self._at):
            out.append("${")
            self._at += 2
        elif text.startswith(("<(", ">("), self._at) and not quoted and not out:
            self._substitute(draft, out)
        else:
            return False
        return True

    def _too_deep(self) -> bool:
        """Whether a substitution begins here that is not to be read as one."""
        return self._depth >= DEEPEST and self._text.startswith(("$(", "<(", ">("), self._at)

    def _escape(self, out: list[str], *, quoted: bool) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following != "\n":
            out.append(following if not quoted or following in '$`"\\' else "\\" + following)
        self._at += 2

    def _substitute(self, draft: _Draft, out: list[str]) -> None:
        """Read ``$(...)`` or ``<(...)``; it stays in the word as written."""
        start = self._at
        self._at += 2
        self._depth += 1
        draft.inner += self.items(")")
        self._depth -= 1
        out.append(self._text[start : self._at])

    def _backticks(self, draft: _Draft, out: list[str]) -> None:
        start = self._at
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != "`":
            self._at += 2 if self._text[self._at] == "\\" else 1
        self._at += 1
        out.append(self._text[start : self._at])
        if self._depth < DEEPEST:
            inside = re.sub(r"\\([`$\\])", r"\1", self._text[start + 1 : self._at - 1])
            base = start if self._base is None else self._base
            draft.inner += _Reader(inside, self._depth + 1, base).items("")


def _find(text: str, what: str, start: int) -> int:
    """Return where ``what`` is next, or the length of the text."""
    at = text.find(what, start)
    return len(text) if at < 0 else at


def _finished(draft: _Draft, depth: int) -> Command:
    words = draft.words
    first = 0
    while first < len(words) and _ASSIGNMENT.match(words[first]):
        first += 1
    assigned, words = words[:first], words[first:]
    through: list[str] = []
    while words:
        name = words[0].rpartition("/")[2]
        wrapper = _THROUGH.get(name)
        rest = _behind(words[1:], wrapper, assigned) if wrapper else []
        if not rest or (name == "command" and words[1] in {"-v", "-V"}):
            break
        through.append(name)
        words = rest
    command = Command(
        tuple(words),
        tuple(assigned),
        tuple(draft.redirects),
        tuple(through),
        draft.stdin,
        tuple(draft.inner),
        start=draft.start,
    )
    texts = list(_scripts(command)) if depth < DEEPEST else []
    if not texts:
        return command
    script = [p for text in texts for p in _Reader(text, depth + 1, draft.start).items("")]
    return replace(command, script=tuple(script))


def _behind(words: list[str], wrapper: _Wrapper, assigned: list[str]) -> list[str]:
    """Return the command that a wrapper with the arguments ``words`` starts."""
    operands = wrapper.operands
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            break
        if word.startswith("-") and len(word) > 1:
            at += 2 if word in wrapper.valued else 1
        elif _ASSIGNMENT.match(word):
            assigned.append(word)
            at += 1
        elif operands:
            operands -= 1
            at += 1
        else:
            break
    return words[at:]


def _scripts(command: Command) -> Iterator[str]:
    """Yield the texts that ``command`` hands to a shell."""
    name, args = command.name, command.args
    if name in SHELLS or name == "su":
        text = _dash_c(args)
        if text is not None:
            yield text
        elif command.stdin and not any(arg[:1] not in {"-", "+"} for arg in args):
            yield command.stdin
    elif name == "eval":
        yield " ".join(args)
    elif name == "find":
        for index, word in enumerate(args):
            if word in {"-exec", "-execdir", "-ok", "-okdir"}:
                rest = args[index + 1 :]
                end = next((i for i, w in enumerate(rest) if w in {";", "+"}), len(rest))
                yield shlex.join(rest[:end])


def _dash_c(args: Sequence[str]) -> str | None:
    """Return the text behind ``-c`` (or ``-lc``, ``-euxo pipefail -c``), None without one."""
    wanted = False
    for word in args:
        if word.startswith(("-", "+")) and len(word) > 1:
            wanted = wanted or word == "--command" or ("c" in word and not word.startswith("--"))
        elif wanted and word not in {"pipefail", "errexit", "nounset", "xtrace"}:
            return word
    return None
