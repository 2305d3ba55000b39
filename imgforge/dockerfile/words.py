"""Words of a Dockerfile: quotes, escapes and variables, as BuildKit's own lexer has them.

See moby/buildkit, ``frontend/dockerfile/shell/lex.go``; the forms ``${name:-word}``, ``:+``,
``:?``, ``#``, ``%`` and ``/`` are described in the Dockerfile reference under "Environment
replacement".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 1 << 16
"""Characters that a value may have once its variables are replaced."""

DEEPEST: Final = 50
"""Levels to which ``${a:-${b:-...}}`` may be nested."""

WORK: Final = 1 << 24
"""Characters that the replacements of one file may make, and steps that their patterns take."""

SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + ("\u2028\u2029\u202f\u205f\u3000")
)
"""What Go's ``unicode.IsSpace`` takes for white space."""

_SPECIAL: Final = frozenset("@*#?-$!0")
_END: Final = ""


class ExpansionError(ValueError):
    """A word cannot be expanded; the message is close to BuildKit's own."""


@dataclass(slots=True)
class Meter:
    """How much more the expansion of one file may cost; ExpansionError when it is used up."""

    left: int = WORK

    def spend(self, amount: int) -> None:
        """Take ``amount`` off."""
        self.left -= amount
        if self.left < 0:
            raise ExpansionError("replacing its variables takes too much")


@dataclass(frozen=True, slots=True)
class Expanded:
    """``text`` is the word expanded, ``words`` the same split at its unquoted spaces.

    ``unset`` are the variables that it asks for and that have no value.
    """

    text: str
    words: tuple[str, ...]
    unset: frozenset[str] = frozenset()


def expand(
    word: str,
    env: Mapping[str, str],
    *,
    escape: str = "\\",
    keep_unset: bool = False,
    raw_quotes: bool = False,
    raw_escapes: bool = False,
    plain_quotes: bool = False,
    meter: Meter | None = None,
) -> Expanded:
    """Replace variables in ``word`` and remove its quotes.

    ``keep_unset`` leaves variables without a value as they are written, ``raw_quotes`` and
    ``raw_escapes`` keep those characters, ``plain_quotes`` takes quotes for letters (the text of a
    here-document). ExpansionError for what BuildKit refuses, and for what grows beyond bounds.
    """
    lexer = _Lexer(word, env, escape, meter or Meter())
    lexer.keep_unset, lexer.raw_quotes, lexer.plain_quotes = keep_unset, raw_quotes, plain_quotes
    text, words = lexer.until(_END, raw_escapes=raw_escapes)
    return Expanded(text, tuple(words), frozenset(lexer.unset))


def split(text: str, escape: str = "\\") -> tuple[str, ...]:
    """Split at unquoted white space; quotes and escapes stay (``parseWords`` of BuildKit)."""
    return tuple(_split(text, escape))


def _split(text: str, escape: str) -> Iterator[str]:
    out: list[str] = []
    quote, began, at = "", False, 0
    while at < len(text):
        char = text[at]
        if not quote and char in SPACE:
            if began:
                yield "".join(out)
            out, began, at = [], False, at + 1
            continue
        if char == escape and quote != "'":
            # An escape at the very end is dropped.
            out.append(text[at : at + 2] if at + 1 < len(text) else "")
            began = began or at + 1 < len(text)
            at += 2
            continue
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        out.append(char)
        began, at = True, at + 1
    if began:
        yield "".join(out)


@dataclass(slots=True)
class _Words:
    """The words that a text is split into while it is expanded."""

    buffer: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add text that ends words where it has spaces."""
        for char in text:
            if char not in SPACE:
                self.buffer.append(char)
            elif self.buffer:
                self.end()

    def end(self) -> None:
        word = "".join(self.buffer)
        self.buffer.clear()
        if word:
            self.done.append(word)


class _Lexer:
    def __init__(self, text: str, env: Mapping[str, str], escape: str, meter: Meter) -> None:
        self._text = text
        self._at = 0
        self._env = env
        self._escape = escape
        self._meter = meter
        self._depth = 0
        self._raw_escapes = False
        self.keep_unset = False
        self.raw_quotes = False
        self.plain_quotes = False
        self.unset: set[str] = set()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._text[self._at : self._at + 1]
        self._at += 1
        return char

    def until(self, stop: str, *, raw_escapes: bool) -> tuple[str, list[str]]:
        """Expand up to the character ``stop``, or to the end if that is empty."""
        before, self._raw_escapes = self._raw_escapes, raw_escapes
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpansionError("its substitutions are nested too deep")
        out: list[str] = []
        words = _Words()
        while char := self._peek():
            if stop and char == stop:
                self._at += 1
                break
            piece, splits = self._piece(char)
            out.append(piece)
            if splits:
                words.add(piece)
            else:
                words.buffer.append(piece)
        else:
            if stop:
                raise ExpansionError(
                    f"unexpected end of statement while looking for matching {stop}"
                )
        words.end()
        self._depth -= 1
        self._raw_escapes = before
        text = "".join(out)
        if len(text) > LONGEST:
            raise ExpansionError(f"its value has over {LONGEST} characters")
        self._meter.spend(len(text))
        return text, words.done

    def _piece(self, char: str) -> tuple[str, bool]:
        """Return what comes next, and whether its spaces end words."""
        if char == "$":
            return self._dollar(), True
        if char == "<":
            return self._heredoc(), False
        if char in "'\"" and not self.plain_quotes:
            return (self._single() if char == "'" else self._double()), False
        self._at += 1
        if char != self._escape:
            return char, True
        kept = char if self._raw_escapes else ""
        return kept + self._next(), False

    def _heredoc(self) -> str:
        found = re.compile(r"<(?:<[\t\r ]*)?").match(self._text, self._at)
        text = found[0] if found else ""
        self._at += len(text)
        return text

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise ExpansionError(
                "unexpected end of statement while looking for matching single-quote"
            )
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        return f"'{inside}'" if self.raw_quotes else inside

    def _double(self) -> str:
        quote = '"' if self.raw_quotes else ""
        self._at += 1
        out = [quote]
        while char := self._peek():
            if char == '"':
                self._at += 1
                return "".join([*out, quote])
            if char == "$":
                out.append(self._dollar())
                continue
            self._at += 1
            if char == self._escape:
                if self._raw_escapes:
                    out.append(char)
                following = self._peek()
                if following and following in {'"', "$", self._escape}:
                    char = self._next()
                elif not following:
                    continue
            out.append(char)
        raise ExpansionError("unexpected end of statement while looking for matching double-quote")

    def _value(self, name: str) -> str | None:
        value = self._env.get(name)
        if value is None:
            self.unset.add(name)
        else:
            self._meter.spend(len(value))
        return value

    def _dollar(self) -> str:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._value(name)
            return value if value is not None else f"${name}" if self.keep_unset else ""
        start = self._at - 1
        self._at += 1
        if not self._peek():
            raise ExpansionError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise ExpansionError("syntax error: bad substitution")
        name = self._name()
        replaced = self._braced(name, self._next())
        return self._text[start : self._at] if replaced is None else replaced

    def _braced(self, name: str, char: str) -> str | None:
        """Return what stands for ``${name...}``; None if it is to stay as it is written."""
        if char == "}":
            value = self._value(name)
            return value if value is not None or self.keep_unset else ""
        if char == "/":
            return self._replaced(name)
        colon = ":" if char == ":" else ""
        char = self._next() if colon else char
        if not char or char not in "+-?#%" or (colon and char in "#%"):
            raise ExpansionError(f"unsupported modifier ({colon}{char}) in substitution")
        word = self._inside("}", raw_escapes=char in "#%")
        value = self._value(name)
        if value is None and self.keep_unset:
            return None
        missing = value is None or (bool(colon) and not value)
        if char in "#%":
            return self._trimmed(value or "", word, char)
        if char == "?" and missing:
            state = "unset" if value is None else "empty"
            raise ExpansionError(f"{name}: {word or f'is not allowed to be {state}'}")
        if char == "+":
            return "" if missing else word
        return word if missing else value

    def _inside(self, stop: str, *, raw_escapes: bool) -> str:
        try:
            return self.until(stop, raw_escapes=raw_escapes)[0]
        except ExpansionError:
            if not self._peek():
                raise ExpansionError(f"syntax error: missing '{stop}'") from None
            raise

    def _trimmed(self, value: str, pattern: str, char: str) -> str:
        greedy = pattern.startswith(char)
        tokens = _pattern(pattern[1:] if greedy else pattern)
        if char == "#":
            found = self._search(tokens, value, greedy=greedy, anchored=True)
            return value[found.end() :] if found else value
        found = self._search(tokens[::-1], value[::-1], greedy=greedy, anchored=True)
        return value[: len(value) - found.end()] if found else value

    def _replaced(self, name: str) -> str | None:
        every = self._peek() == "/"
        self._at += every
        pattern = self._inside("/", raw_escapes=True)
        replacement = self._inside("}", raw_escapes=True)
        value = self._value(name)
        if value is None and self.keep_unset:
            return None
        out: list[str] = []
        rest = value or ""
        tokens = _pattern(pattern)
        while found := self._search(tokens, rest, greedy=True, anchored=False):
            out += (rest[: found.start()], replacement)
            rest = rest[found.end() :]
            if not every or not found[0]:
                break
        return "".join([*out, rest])

    def _search(
        self, tokens: list[str], value: str, *, greedy: bool, anchored: bool
    ) -> re.Match[str] | None:
        stars = tokens.count("*")
        # A backtracking search may try every place for every star.
        self._meter.spend((len(value) + 1) ** min(stars + (not anchored), 8) + len(tokens))
        star = ".*" if greedy else ".*?"
        said = (star if t == "*" else "." if t == "?" else re.escape(t[-1]) for t in tokens)
        expression = re.compile("".join(said))
        return expression.match(value) if anchored else expression.search(value)

    def _name(self) -> str:
        start = self._at
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._at += 1
        elif first and first in _SPECIAL:
            self._at += 1
        else:
            while self._peek().isalnum() or self._peek() == "_":
                self._at += 1
        return self._text[start : self._at]


def _pattern(text: str) -> list[str]:
    """Split a pattern into ``*``, ``?``, and literal characters (a backslash before each)."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        char, following = text[at], text[at + 1 : at + 2]
        at += 1
        if char == "\\":
            at += 1
            if not following or following not in "*?\\}/":
                raise ExpansionError(f"invalid pattern ({text}) in substitution")
            tokens.append(f"\\{following}")
        elif char == "?" or (char == "*" and tokens[-1:] != ["*"]):
            tokens.append(char)
        elif char != "*":
            tokens.append(f"\\{char}")
    return tokens
