"""From the bytes of a Dockerfile to its instructions: directives, continuations, here-documents.

See moby/buildkit, ``frontend/dockerfile/parser`` (``parser.go``, ``directives.go``,
``line_parsers.go``, ``split_command.go``), whose rules these are, and the Dockerfile reference.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from imgforge.dockerfile.words import SPACE, ExpansionError, expand, split

LARGEST: Final = 1 << 20
"""Bytes that a Dockerfile may have."""

LONGEST_LINE: Final = 1 << 16
"""Bytes of one line (Go's ``bufio.MaxScanTokenSize``)."""

MOST: Final = 5000
"""Instructions that a Dockerfile may have; no image has over 127 layers."""

_GAP: Final = re.compile(r"[\t\v\f\r ]+")
_DIRECTIVE: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES: Final = frozenset({"syntax", "escape", "check"})
_HEREDOC: Final = re.compile(r"(\d*)<<(-?)\s*([^<]*)")
_LONE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # not those of surrogateescape
_TABS: Final = re.compile(r"^\t+", re.MULTILINE)
_WITH_HEREDOC: Final = frozenset({"ADD", "COPY", "RUN"})


class Problem(NamedTuple):
    """Why a file cannot be read, and the line (from 1) where that shows."""

    line: int
    message: str


class ProblemError(ValueError):
    """A problem that ends the reading."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, message)


class Flag(NamedTuple):
    """``--name=value`` before the arguments; ``value`` is None without ``=``."""

    name: str
    value: str | None


class Pair(NamedTuple):
    """``name=value`` of ENV, LABEL or ARG; ``value`` is None for an ARG without a default."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document: ``content`` as it stands in the file from ``line`` on, with its line ends.

    ``expand`` is false if its name was quoted, ``chomp`` whether leading tabs are cut off.
    """

    name: str
    content: str
    line: int
    expand: bool = True
    chomp: bool = False

    @property
    def text(self) -> str:
        """The content as a file or shell gets it."""
        return _TABS.sub("", self.content) if self.chomp else self.content


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. ``name`` is in capitals, ``line`` and ``end`` are its first and last line.

    ``args`` are: a JSON array's strings (then ``json``), else the whole text of RUN, CMD,
    ENTRYPOINT, SHELL, USER, WORKDIR, STOPSIGNAL and MAINTAINER, the words of the others, and for
    HEALTHCHECK its kind before the text. ENV, LABEL and ARG have ``pairs`` instead, ONBUILD its
    ``trigger``. ``text`` is all of it in one line; ``rest`` is the offset in it where the
    arguments begin.
    """

    name: str
    line: int
    end: int
    text: str
    rest: int = 0
    args: tuple[str, ...] = ()
    json: bool = False
    flags: tuple[Flag, ...] = ()
    pairs: tuple[Pair, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    trigger: Instruction | None = None
    origins: tuple[tuple[int, int], ...] = ()

    def flag(self, name: str) -> str | None:
        """Return the value of the last flag ``name`` (``true`` if it has none); None without it."""
        found = [flag.value for flag in self.flags if flag.name == name]
        return None if not found else "true" if found[-1] is None else found[-1]

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of every flag ``name``."""
        return tuple(flag.value or "" for flag in self.flags if flag.name == name)

    def line_at(self, offset: int) -> int:
        """Return the line of the file that the character ``offset`` of ``text`` comes from."""
        index = bisect_right(self.origins, (offset, LARGEST)) - 1
        return self.origins[index][1] if index >= 0 else self.line


@dataclass(frozen=True, slots=True)
class Directives:
    """The parser directives at the top; ``syntax_line`` is 0 without a ``syntax``."""

    escape: str = "\\"
    syntax: str = ""
    syntax_line: int = 0
    check: str = ""


def read(data: bytes) -> tuple[Directives, tuple[Instruction, ...], tuple[Problem, ...]]:
    """Return the directives and instructions, and what is wrong with single instructions.

    Raises ProblemError where nothing after it can be told apart any more.
    """
    if len(data) > LARGEST:
        raise ProblemError(1, f"the file has over {LARGEST} bytes")
    return _Lines(data).read()


@dataclass(slots=True)
class _Joined:
    """The text of an instruction while its lines are joined."""

    parts: list[str] = field(default_factory=list)
    origins: list[tuple[int, int]] = field(default_factory=list)
    size: int = 0

    def add(self, text: str, line: int) -> None:
        self.origins.append((self.size, line))
        self.parts.append(text)
        self.size += len(text)


class _Lines:
    def __init__(self, data: bytes) -> None:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        self._lines = text.split("\n")
        if self._lines[-1] == "":
            self._lines.pop()
        self._ended = text.endswith("\n")
        self._at = 0
        self._directives: dict[str, tuple[str, int]] = {}
        self._more_directives = True
        self._escape = "\\"

    def read(self) -> tuple[Directives, tuple[Instruction, ...], tuple[Problem, ...]]:
        found: list[Instruction] = []
        problems: list[Problem] = []
        for number, line in enumerate(self._lines, 1):
            if len(line.encode("utf-8", "surrogateescape")) >= LONGEST_LINE:
                raise ProblemError(
                    number, f"dockerfile line greater than max allowed size of {LONGEST_LINE - 1}"
                )
        while self._at < len(self._lines):
            start = self._at + 1
            joined = self._joined()
            if joined is None:
                continue
            try:
                found.append(self._instruction(joined, start))
            except ProblemError as error:
                problems.append(error.problem)
            if len(found) + len(problems) > MOST:
                raise ProblemError(start, f"the file has over {MOST} instructions")
        if not found and not problems:
            raise ProblemError(max(1, len(self._lines)), "file with no instructions")
        syntax, syntax_line = self._directives.get("syntax", ("", 0))
        directives = Directives(
            self._escape, syntax.split(" ")[0], syntax_line, self._directives.get("check", ("",))[0]
        )
        return directives, tuple(found), tuple(problems)

    def _joined(self) -> _Joined | None:
        """Join a line and those that continue it; None for a comment or an empty line."""
        raw = self._lines[self._at].rstrip("\r").lstrip(SPACE)
        self._directive(raw)
        self._at += 1
        if raw.startswith("#"):
            return None
        line, continued = self._continued(raw)
        if not continued and not line:
            return None
        joined = _Joined()
        joined.add(line, self._at)
        while continued and self._at < len(self._lines):
            raw = self._lines[self._at].rstrip("\r")
            self._directive(raw)
            self._at += 1
            bare = raw.lstrip(SPACE)
            if not bare or bare.startswith("#"):
                continue
            line, continued = self._continued(raw)
            joined.add(line, self._at)
        return joined

    def _continued(self, line: str) -> tuple[str, bool]:
        """Cut off an escape at the end that is not escaped itself."""
        bare = line.rstrip(" \t")
        if not bare.endswith(self._escape) or bare.endswith(self._escape * 2):
            return line, False
        return bare[:-1], True

    def _directive(self, line: str) -> None:
        if not self._more_directives:
            return
        match = _DIRECTIVE.fullmatch(line[1:].lstrip(SPACE)) if line.startswith("#") else None
        name = match[1].lower() if match else ""
        if match is None or name not in _DIRECTIVES:
            self._more_directives = False
            return
        number = self._at + 1
        if name in self._directives:
            raise ProblemError(number, f"only one {name} parser directive can be used")
        self._directives[name] = (match[2], number)
        if name == "escape":
            if match[2] not in {"\\", "`"}:
                raise ProblemError(
                    number, f"invalid escape token '{match[2]}' does not match ` or \\"
                )
            self._escape = match[2]

    def _instruction(self, joined: _Joined, start: int) -> Instruction:
        text = "".join(joined.parts)
        end = self._at
        node = _node(text, self._escape, start)
        inner = node.trigger or node
        heredocs: tuple[Heredoc, ...] = ()
        if inner.name in _WITH_HEREDOC and not inner.json and "<<" in text:
            heredocs = tuple(self._heredoc(start, *said) for said in _heredocs(text, start))
            end = self._at
        lead = len(text) - len(text.lstrip(SPACE))
        return Instruction(
            name=node.name,
            line=start,
            end=end,
            text=text,
            rest=node.rest + lead,
            args=node.args,
            json=node.json,
            flags=node.flags,
            pairs=node.pairs,
            heredocs=heredocs,
            trigger=node.trigger,
            origins=tuple(joined.origins),
        )

    def _heredoc(self, start: int, name: str, expands: bool, chomp: bool) -> Heredoc:  # noqa: FBT001
        line = self._at + 1
        content: list[str] = []
        while self._at < len(self._lines):
            raw = self._lines[self._at]
            self._at += 1
            bare = raw.rstrip("\r")
            if (bare.lstrip("\t") if chomp else bare) == name:
                return Heredoc(name, "".join(content), line, expands, chomp)
            last = self._at == len(self._lines) and not self._ended
            content.append(raw if last else f"{raw}\n")
        raise ProblemError(start, "unterminated heredoc")


class _Node(NamedTuple):
    name: str
    rest: int
    args: tuple[str, ...] = ()
    json: bool = False
    flags: tuple[Flag, ...] = ()
    pairs: tuple[Pair, ...] = ()
    trigger: Instruction | None = None


def _node(text: str, escape: str, line: int) -> _Node:
    """Read one instruction; ProblemError if its arguments have not the shape they must have."""
    stripped = text.strip(SPACE)
    name, *more = _GAP.split(stripped, maxsplit=1)
    flags, rest = _flags(more[0], escape) if more else ((), "")
    rest = rest.strip(SPACE)
    node = _Node(name.upper(), len(stripped) - len(rest), flags=flags)
    shape = _SHAPES.get(node.name)
    return shape(node, rest, escape, line) if shape and rest else node


def _text(node: _Node, rest: str, escape: str, line: int) -> _Node:  # noqa: ARG001 - one signature
    return node._replace(args=(rest,))


def _words(node: _Node, rest: str, escape: str, line: int) -> _Node:  # noqa: ARG001 - one signature
    return node._replace(args=tuple(_GAP.split(rest)))


def _json_or_text(node: _Node, rest: str, escape: str, line: int) -> _Node:  # noqa: ARG001 - one signature
    found = _json(rest, line)
    return node._replace(args=(rest,) if found is None else found, json=found is not None)


def _json_or_words(node: _Node, rest: str, escape: str, line: int) -> _Node:  # noqa: ARG001 - one signature
    found = _json(rest, line)
    words = tuple(_GAP.split(rest)) if found is None else found
    return node._replace(args=words, json=found is not None)


def _health(node: _Node, rest: str, escape: str, line: int) -> _Node:
    kind, *command = re.split(rf"[{SPACE}]+", rest, maxsplit=1)
    if command and command[0]:
        node = _json_or_text(node, command[0], escape, line)
    return node._replace(args=(kind, *node.args))


def _settings(node: _Node, rest: str, escape: str, line: int) -> _Node:
    """Read the pairs of ENV and LABEL: ``name=value ...``, or one ``name value``."""
    words = split(rest, escape)
    if words and "=" not in words[0]:
        parts = _GAP.split(rest, maxsplit=1)
        if len(parts) == 1:
            raise ProblemError(line, f"{node.name} must have two arguments")
        return node._replace(pairs=(Pair(parts[0], parts[1]),))
    for word in words:
        if "=" not in word:
            raise ProblemError(
                line,
                f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value',
            )
    return node._replace(pairs=tuple(_argument(word) for word in words))


def _arguments(node: _Node, rest: str, escape: str, line: int) -> _Node:  # noqa: ARG001 - one signature
    return node._replace(pairs=tuple(_argument(word) for word in split(rest, escape)))


def _onbuild(node: _Node, rest: str, escape: str, line: int) -> _Node:
    # A chain is refused before it is followed: it might be long.
    if re.match(r"(?i)ONBUILD(?!\S)", rest):
        raise ProblemError(line, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    inner = _node(rest, escape, line)
    trigger = Instruction(
        inner.name, line, line, rest, inner.rest, inner.args, inner.json, inner.flags, inner.pairs
    )
    return node._replace(trigger=trigger)


_SHAPES: Final[dict[str, Callable[[_Node, str, str, int], _Node]]] = {
    **dict.fromkeys(("MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"), _text),
    **dict.fromkeys(("EXPOSE", "FROM"), _words),
    **dict.fromkeys(("CMD", "ENTRYPOINT", "RUN", "SHELL"), _json_or_text),
    **dict.fromkeys(("ADD", "COPY", "VOLUME"), _json_or_words),
    **dict.fromkeys(("ENV", "LABEL"), _settings),
    "ARG": _arguments,
    "HEALTHCHECK": _health,
    "ONBUILD": _onbuild,
}


def _flags(text: str, escape: str) -> tuple[tuple[Flag, ...], str]:
    """Take the words that begin with ``--`` off the front; ``--`` alone ends them."""
    flags: list[Flag] = []
    at = 0
    while True:
        while at < len(text) and text[at] in SPACE:
            at += 1
        if not text.startswith("--", at):
            return tuple(flags), text[at:]
        word, at = _flag(text, at, escape)
        if word == "--":
            return tuple(flags), text[at:]
        name, equals, value = word.partition("=")
        flags.append(Flag(name[2:], value if equals else None))


def _flag(text: str, at: int, escape: str) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    while at < len(text) and (quote or text[at] not in SPACE):
        char = text[at]
        at += 1
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char != escape:
            out.append(char)
        elif at < len(text):
            out.append(text[at])
            at += 1
    return "".join(out), at


def _argument(word: str) -> Pair:
    name, equals, value = word.partition("=")
    return Pair(name, value if equals else None)


def _json(rest: str, line: int) -> tuple[str, ...] | None:
    """Read a JSON array of strings; None if it is no JSON array."""
    text = rest.lstrip(SPACE)
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text, parse_int=float, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in found):
        raise ProblemError(
            line, "when using JSON array syntax, arrays must be comprised of strings only"
        )
    return tuple(_LONE.sub("\ufffd", item) for item in found)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def heredoc_name(word: str) -> tuple[str, bool, bool] | None:
    """Return name, whether it expands, and whether tabs are cut, if ``word`` is ``<<NAME``."""
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    words = expand(match[3], {}, keep_unset=True).words
    if len(words) != 1:
        return None
    raw = expand(match[3], {}, keep_unset=True, raw_quotes=True).words
    quotes = [sum(w.count(q) for w in some for q in "'\"") for some in (words, raw)]
    return words[0], quotes[0] == quotes[1], match[2] == "-"


def is_heredoc(word: str) -> bool:
    """Whether an argument of COPY or ADD is ``<<NAME``; a malformed one is a file's name."""
    try:
        return heredoc_name(word) is not None
    except ExpansionError:
        return False


def _heredocs(text: str, line: int) -> Iterator[tuple[str, bool, bool]]:
    try:
        words = expand(text, {}, keep_unset=True, raw_quotes=True, raw_escapes=True).words
    except ExpansionError:
        return
    for word in words:
        try:
            found = heredoc_name(word)
        except ExpansionError as error:
            raise ProblemError(line, str(error)) from error
        if found is not None:
            yield found
