"""Ruby gems: the ``*.gemspec`` that RubyGems writes for each that is installed, and for its own.

Those in ``specifications`` are programs, but written by RubyGems (``Gem::Specification#to_ruby``):
plain literals in known places, which are read; nothing is run. A checkout that Bundler made of a
repository has its author's gemspec, whose literals count where it has some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages.document import lines, text, word

ECOSYSTEM: Final = "gem"
NAMES: Final = frozenset({"gem_make.out"})
SUFFIXES: Final = frozenset({".gemspec"})

_INSTALLED: Final = re.compile(r"(?:.*/)?specifications/(?:default/)?[^/]+\.gemspec")
_CHECKOUT: Final = re.compile(r"(?:.*/)?bundler/gems/[^/]+-[0-9a-f]{12}/([^/]+)\.gemspec")
_EXTENSION: Final = re.compile(r"(?:.*/)?extensions/[^/]+/[^/]+/([^/]+)-\d[^-/]*/gem_make\.out")
_STUB: Final = re.compile(r"(?m)^# stub: (\S+) (\S+) (\S+) ")
_TEXT: Final = r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|%q<([^<>]*)>)(?:\.freeze)?"""
_LITERAL: Final = re.compile(_TEXT)
_FIELD: Final = re.compile(
    r"(?m)^[ \t]*\w+\.(name|version|platform|licenses?|authors?)[ \t]*=[ \t]*"
    r"(?:Gem::Version\.new[ (]?)?(\[[^\]\n]*\]|" + _TEXT + ")"
)
_NEED: Final = re.compile(r"\.add_(runtime_)?dependency[ (]+" + _TEXT)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|(.))", re.DOTALL)


def wants(path: str, name: str) -> bool:
    """Whether this describes a gem, or lies beside what was compiled of one."""
    if name == "gem_make.out":
        return _EXTENSION.fullmatch(path) is not None
    return any(pattern.fullmatch(path) for pattern in (_INSTALLED, _CHECKOUT))


def read(path: str, data: bytes) -> list[Package]:
    """Return the one gem; ValueError if what RubyGems wrote has no name or version.

    A checkout without a literal for its version has none.
    """
    if path.endswith("/gem_make.out"):
        return []
    content = lines(data)
    fields = _fields(content)
    stub = _STUB.search(content)
    checkout = _CHECKOUT.fullmatch(path)
    name, version, platform = stub.groups() if stub is not None else ("", "", "")
    name = word(name or _one(fields, "name") or (checkout[1] if checkout else ""))
    version = word(version or _one(fields, "version"))
    platform = word(platform or _one(fields, "platform"))
    if not name or not (version or checkout):
        raise ValueError("the gemspec names no gem and version")
    licences = [text(found) for found in fields.get("licenses", fields.get("license", []))]
    licence = " OR ".join(dict.fromkeys(filter(None, licences)))
    return [
        Package(
            ECOSYSTEM,
            name,
            version,
            purl="",
            licence=f"({licence})" if " OR " in licence else licence,
            supplier=text(", ".join(fields.get("authors", fields.get("author", [])))),
            paths=(path,),
            architecture="" if platform == "ruby" else platform,
            depends=tuple(sorted(set(_needs(content)))),
            found="manifest" if checkout else "record",
        )
    ]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return the gem's folder, or that of what was compiled of it."""
    folder = path[: path.rfind("/") + 1]
    extension = _EXTENSION.fullmatch(path)
    if extension is not None:
        return [Claim(path, f"{ECOSYSTEM}:{extension[1]}", folder)]
    home, _, file = path.rpartition("specifications/")
    owner = read(path, data)[0].name
    if _CHECKOUT.fullmatch(path):
        return [Claim(path, f"{ECOSYSTEM}:{owner}", folder)]
    whole = file.removeprefix("default/").removesuffix(".gemspec")
    return [Claim(path, f"{ECOSYSTEM}:{owner}", f"{home}gems/{whole}/")]


def _fields(content: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field in _FIELD.finditer(content):
        found.setdefault(field[1], list(_literals(field[2])))
    return found


def _one(fields: dict[str, list[str]], name: str) -> str:
    return next(iter(fields.get(name, ())), "")


def _literals(content: str) -> Iterator[str]:
    """Yield text literals; one with an expression in it (``#{}``) is none."""
    for found in _LITERAL.finditer(content):
        double, single, percent = found.groups()
        if double is None:
            yield single if single is not None else percent
        elif "#{" not in double:
            yield _ESCAPE.sub(_escaped, double)


def _escaped(found: re.Match[str]) -> str:
    code = int(found[1] or found[2] or "0", 16)
    if code:
        return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "?"  # noqa: PLR2004
    return " " if found[3] in {"n", "t", "r", "\n"} else str(found[3] or "")


def _needs(content: str) -> Iterator[str]:
    """Yield what it needs to run.

    Older RubyGems wrote a branch for ones older still, which took all dependencies for such.
    """
    only = "respond_to? :add_runtime_dependency" in content
    for found in _NEED.finditer(content):
        name = word(next((part for part in found.groups()[1:] if part), ""))
        if name and (found[1] or not only):
            yield name
