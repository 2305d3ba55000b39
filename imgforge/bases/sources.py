"""Where packages come from: the environment, else the machine's own apt sources.

Formats: deb822 ``*.sources`` and one-line ``*.list`` files (sources.list(5)). Only what is needed
is read from them: a mirror of Debian's main archive, one of its security archive, and the keyring
that signs them. The suite is the definition's, so a machine of any release will do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imgforge.errors import InvalidInputError

APT = Path("/etc/apt")
_KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_SECURITY = "-security"
_SUITE = re.compile(
    r"(?:bullseye|bookworm|trixie|forky|duke|sid|(?:old)*stable|testing|unstable)"
    r"(-security|-updates|-backports|-proposed-updates)?"
)
_HINT = (
    "set IMGFORGE_DEBIAN_MIRROR and IMGFORGE_DEBIAN_SECURITY_MIRROR to http(s) mirrors of the "
    "Debian archives, and IMGFORGE_DEBIAN_KEYRING to the keyring that signs them"
)


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite of one archive. ``url`` is the archive's root, without a slash at its end."""

    url: str
    name: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Mirrors, the keyring for both, and whether Valid-Until is believed."""

    mirror: str
    security: str
    keyring: Path
    check_valid_until: bool = True

    def suites(self, release: str) -> tuple[Suite, ...]:
        """Return the suites that make up ``release``: itself, its updates, its security fixes."""
        return (
            Suite(self.mirror, release),
            Suite(self.mirror, f"{release}-updates"),
            Suite(self.security, release + _SECURITY),
        )

    def root(self, suite: str) -> str:
        """Return the archive root that ``suite`` lies in."""
        return self.security if suite.endswith(_SECURITY) else self.mirror


@dataclass(frozen=True, slots=True)
class _AptSource:
    url: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: Path | None


def find(environ: Mapping[str, str] | None = None, apt: Path = APT) -> Sources:
    """Find the mirrors; InvalidInputError with a hint if there are none.

    Environment: ``IMGFORGE_DEBIAN_MIRROR``, ``IMGFORGE_DEBIAN_SECURITY_MIRROR``,
    ``IMGFORGE_DEBIAN_KEYRING``, and ``IMGFORGE_DEBIAN_CHECK_VALID_UNTIL=no`` for frozen mirrors.
    """
    environ = os.environ if environ is None else environ
    found = [s for s in _apt_sources(apt) if "main" in s.components]
    main = next((s for s in found if not _is_security(s)), None)
    security = next((s for s in found if _is_security(s)), None)
    mirror = environ.get("IMGFORGE_DEBIAN_MIRROR") or (main.url if main else "")
    fixes = environ.get("IMGFORGE_DEBIAN_SECURITY_MIRROR") or (security.url if security else "")
    lacking = [n for n, v in (("main", mirror), ("security", fixes)) if not v]
    if lacking:
        raise InvalidInputError(
            f"no mirror of Debian's {' and '.join(lacking)} archive is known: neither the "
            f"environment nor {apt} names one",
            hint=_HINT,
        )
    for url in (mirror, fixes):
        if not _is_http(url):
            raise InvalidInputError(f"not an http(s) mirror: {without_password(url)}", hint=_HINT)
    return Sources(
        mirror.rstrip("/"),
        fixes.rstrip("/"),
        _keyring(environ.get("IMGFORGE_DEBIAN_KEYRING"), main),
        environ.get("IMGFORGE_DEBIAN_CHECK_VALID_UNTIL", "yes").lower() not in {"no", "false", "0"},
    )


def without_password(url: str) -> str:
    """Return ``url`` for messages, user and password left out."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)


def _keyring(named: str | None, main: _AptSource | None) -> Path:
    wanted = Path(named) if named else main.keyring if main else None
    candidates = (wanted,) if wanted else _KEYRINGS
    for path in candidates:
        if path.is_file():
            return path.resolve()
    raise InvalidInputError(
        f"there is no keyring {' or '.join(map(str, candidates))}",
        hint="install debian-archive-keyring, or name a keyring in IMGFORGE_DEBIAN_KEYRING",
    )


def _is_http(url: str) -> bool:
    return re.fullmatch(r"https?://[^\s/]+(/\S*)?", url) is not None


def _is_security(source: _AptSource) -> bool:
    return all(suite.endswith(_SECURITY) for suite in source.suites)


def _apt_sources(apt: Path) -> Iterator[_AptSource]:
    folder = apt / "sources.list.d"
    files = [
        apt / "sources.list",
        *sorted(folder.glob("*.list")),
        *sorted(folder.glob("*.sources")),
    ]
    for path in files:
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            continue
        yield from _deb822(text) if path.suffix == ".sources" else _one_line(text)


def _source(
    urls: list[str], suites: list[str], components: list[str], keyring: str
) -> Iterator[_AptSource]:
    # A key may stand in the file itself; then the distribution's own keyring is used.
    path = Path(keyring) if keyring.startswith("/") else None
    known = tuple(s for s in suites if _SUITE.fullmatch(s))
    for url in urls:
        if known and len(known) == len(suites) and _is_http(url):
            yield _AptSource(url, known, tuple(components), path)


def _deb822(text: str) -> Iterator[_AptSource]:
    for block in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in {" ", "\t"} and key:
                fields[key] += "\n" + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                key = name.strip().lower()
                fields[key] = value.strip()
        if fields.get("enabled", "yes").lower() in {"no", "false", "0"}:
            continue
        if "deb" in fields.get("types", "").split():
            yield from _source(
                fields.get("uris", "").split(),
                fields.get("suites", "").split(),
                fields.get("components", "").split(),
                fields.get("signed-by", ""),
            )


def _one_line(text: str) -> Iterator[_AptSource]:
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]+)", line.strip())
        if found:
            options = dict(o.split("=", 1) for o in (found[1] or "").split() if "=" in o)
            yield from _source(
                [found[2]], [found[3]], found[4].split(), options.get("signed-by", "")
            )
