"""``Gemfile.lock`` and ``gems.locked`` (bundler.io)."""

from __future__ import annotations

import re
from typing import Final

from imgforge.locks.locked import Entry, Locked
from imgforge.locks.shape import Spot

_SPEC: Final = re.compile(r" {4}(\S+) \(([^)]+)\)")
_NEED: Final = re.compile(r" {6}(\S+?)!?(?: \(.*\))?")
_SUM: Final = re.compile(r" {2}(\S+) \(([^)]+)\)(?: sha256=([0-9a-f]{64}))?")
_PLATFORM: Final = re.compile(
    r"-((?:x86_64|x86|aarch64|arm64|arm|i386|universal|java|jruby|mswin|mingw|x64|ppc\w*|s390x"
    r"|riscv64).*)$"
)
_SECTION: Final = re.compile(r"[A-Z][A-Z ]*")
_SPECS: Final = frozenset({"GEM", "GIT", "PATH", "PLUGIN SOURCE"})
_CPUS: Final = {"x86_64": "x64", "aarch64": "arm64", "x86": "ia32", "i386": "ia32"}


def read(path: str, text: str) -> Locked:
    """Read the lock: gems of all sources; it does not say which group asks for one."""
    rows, sums = _sections(path, text)
    versions: dict[str, dict[str, None]] = {}
    for _, name, said, _ in rows:
        versions.setdefault(name, {})[f"{name}@{_version(said)[0]}"] = None
    found = []
    for number, name, said, needs in rows:
        version, limit = _version(said)
        os, cpu = _limits(limit)
        known = sums.get((name, said), "")
        found.append(
            Entry(
                *("gem", name, version, number),
                hashes=(f"sha256:{known}",) if known else (),
                needs=tuple(sorted({k for n in needs for k in versions.get(n, ())})),
                os=os,
                cpu=cpu,
            )
        )
    return Locked(path, tuple(found))


Row = tuple[int, str, str, list[str]]


def _sections(path: str, text: str) -> tuple[list[Row], dict[tuple[str, str], str]]:
    rows: list[Row] = []
    sums: dict[tuple[str, str], str] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            raise Spot(path, number).error("a merge was not finished")
        if line and not line.startswith(" "):
            section = line.strip()
            if not _SECTION.fullmatch(section):
                raise Spot(path, number).error(f"{section[:60]!r} is no section")
        elif section in _SPECS:
            _add(rows, Spot(path, number), line)
        elif section == "CHECKSUMS" and (known := _SUM.fullmatch(line)) is not None and known[3]:
            sums[known[1], known[2]] = known[3]
    if not section:
        raise Spot(path, 1).error("it has no section")
    return rows, sums


def _add(rows: list[Row], spot: Spot, line: str) -> None:
    spec, need = _SPEC.fullmatch(line), _NEED.fullmatch(line)
    if spec is not None:
        rows.append((spot.line, spec[1], spec[2], []))
    elif need is not None and rows:
        rows[-1][3].append(need[1])
    elif line.startswith("    "):
        raise spot.error(f"{line.strip()[:60]!r} is no gem and version")


def _version(said: str) -> tuple[str, str]:
    """Split ``1.15.4-x86_64-linux`` into version and platform."""
    found = _PLATFORM.search(said)
    return (said[: found.start()], found[1]) if found is not None else (said, "")


def _limits(platform: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return systems and processors in npm's words."""
    if not platform:
        return (), ()
    cpu, _, system = platform.partition("-")
    if not system:
        return (cpu,), ()
    os = "linux" if system.startswith("linux") else system
    return (os,), (_CPUS.get(cpu, cpu),)
