""".NET packages: the ``*.deps.json`` beside an application, and beside each shared runtime.

Format: github.com/dotnet/runtime, docs/design/features/host-runtime-layering and
"Runtime configuration files". Libraries of the kind ``package`` come from NuGet, ``runtimepack`` is
the runtime that a self-contained application brings; what has nothing to run in it is for
development. Projects and references are the application's own. The versions in DLLs, and what is
bundled into one program with its ``deps.json``, are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import ownership
from imgforge.analysis.packages.document import load_object, mapping, objects, text, word
from imgforge.analysis.packages.integrity import digests

ECOSYSTEM: Final = "nuget"
SUFFIXES: Final = frozenset({".json"})

_PACK: Final = "runtimepack."
_KINDS: Final = frozenset({"package", "runtimepack"})
_ASSETS: Final = ("runtime", "native", "resources", "runtimeTargets")


def wants(path: str, name: str) -> bool:
    """Whether this lists what an application was built of."""
    return name.endswith(".deps.json") and not path.endswith("/")


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages, once each; ValueError if it is no such list."""
    fields = load_object(data)
    targets = _targets(fields)
    needs = {key: _needs(target) for key, target in targets.items()}
    shipped = _shipped(targets, needs)
    owner = path.rpartition("/")[2].removesuffix(".deps.json")
    found = []
    for key, library in objects(fields.get("libraries")):
        name, version = _split(key)
        if text(library.get("type")).lower() not in _KINDS:
            continue
        if not name or not version:
            raise ValueError(f"a library has no name and version: {text(key)!a}")
        found.append(
            Package(
                ECOSYSTEM,
                name,
                version,
                purl="",
                licence="",
                supplier="",
                paths=(path,),
                hashes=digests(text(library.get("sha512"), 1000)),
                depends=tuple(sorted({_split(need)[0] for need in needs.get(key, ())})),
                dev=key in targets and key not in shipped and name != owner,
            )
        )
    return found


def claims(path: str, data: bytes) -> list[Claim]:
    """Return the files of each package: as the list has them, and right beside it."""
    folder = path.rpartition("/")[0]
    found: list[Claim] = []
    for key, target in _targets(load_object(data)).items():
        files = [file for kind in _ASSETS for file in mapping(target.get(kind))]
        both = [name for file in files for name in (file, file.rpartition("/")[2])]
        found += ownership.claim(path, f"{ECOSYSTEM}:{_split(key)[0]}", folder, both)
    return found


def _needs(target: Mapping[str, Any]) -> list[str]:
    """Return the keys of what it depends on."""
    said = mapping(target.get("dependencies")).items()
    return [f"{name}/{version}" for name, version in said if word(name) and word(version)]


def _shipped(targets: Mapping[str, Mapping[str, Any]], needs: Mapping[str, list[str]]) -> set[str]:
    """Return the keys of what has files to run, itself or in what it depends on.

    The others helped to build: analysers, SourceLink.
    """
    needed_by: dict[str, list[str]] = {}
    for key, wanted in needs.items():
        for need in wanted:
            needed_by.setdefault(need, []).append(key)
    open_ = [key for key, target in targets.items() if any(map(target.get, _ASSETS))]
    seen = set(open_)
    while open_:
        for key in needed_by.get(open_.pop(), ()):
            if key not in seen:
                seen.add(key)
                open_.append(key)
    return seen


def _split(key: str) -> tuple[str, str]:
    """Return name and version of ``Newtonsoft.Json/13.0.3`` or ``runtimepack.<name>/8.0.0``."""
    name, _, version = key.rpartition("/")
    return word(name.removeprefix(_PACK)), word(version)


def _targets(fields: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what the one target that the application runs on says of each library."""
    every = dict(objects(fields.get("targets")))
    said = fields.get("runtimeTarget")
    name = mapping(said).get("name", said)
    chosen = [every[name]] if isinstance(name, str) and name in every else list(every.values())
    return {key: target for one in chosen for key, target in objects(one)}
