"""Java archives: what Maven wrote into them, what their manifests say, and how they are called.

Maven's ``META-INF/maven/GROUP/ARTIFACT/pom.properties`` is certain: one is of the archive itself,
the others of what was unpacked into it (shaded). Without it the group, by which advisories know a
package, stands nowhere: a manifest's names and vendors agree with it in one jar of ten. A purl of
the type ``maven`` needs one, so such an archive is ``generic``, with its digests, which Maven
Central can be asked for; it is ``maven`` if it lies in a local repository, whose folders are the
group, or is one of the few whose names belong to one group only (``_GROUPS``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from imgforge.analysis.facts import Package
from imgforge.analysis.packages import pom

ECOSYSTEM: Final = "maven"
UNCERTAIN: Final = "generic"
NAMES: Final = frozenset({"release"})

_ENDS: Final = (".jar", ".war", ".ear", ".par", ".sar", ".kar", ".nar", ".rar", ".jpi", ".hpi")
_MANIFEST: Final = b"META-INF/MANIFEST.MF"
_PLACE: Final = re.compile(r"(?:.*/)?META-INF/maven/([^/]+)/([^/]+)/pom\.(properties|xml)")
_NAMED: Final = re.compile(r"([A-Za-z0-9_.-]*?[A-Za-z0-9_])-(\d[A-Za-z0-9_.+-]*)")
_REPOSITORY: Final = re.compile(r"(?:^|/)(?:\.m2/repository|maven2)/(.+)/([^/]+)/([^/]+)/[^/]+$")
_RUNTIME: Final = "Java Runtime Environment"
_MOST: Final = 256 << 10
"""Bytes of a ``pom.xml`` that is read; it only says more of what is known."""

_LONGEST: Final = 255
"""Characters of a file's name (limits.h, NAME_MAX)."""

_GROUPS: Final = (
    # Built by Gradle, which writes nothing; each name belongs to this group and no other.
    ("spring-boot", "org.springframework.boot", "org/springframework/boot/"),
    ("spring-security-", "org.springframework.security", "org/springframework/security/"),
    ("spring-data-", "org.springframework.data", "org/springframework/data/"),
    ("spring-session-", "org.springframework.session", "org/springframework/session/"),
    ("spring-integration-", "org.springframework.integration", "org/springframework/integration/"),
    ("spring-batch-", "org.springframework.batch", "org/springframework/batch/"),
    ("spring-kafka", "org.springframework.kafka", "org/springframework/kafka/"),
    *(
        (f"spring-{name}", "org.springframework", "org/springframework/")
        for name in (
            *("aop", "aspects", "beans", "context", "context-support", "core", "expression"),
            *("jdbc", "jms", "messaging", "orm", "oxm", "tx", "web", "webflux", "webmvc"),
            *("websocket", "jcl", "r2dbc", "test", "context-indexer"),
        )
    ),
)


class Maker(NamedTuple):
    """Who an archive or a part of it is."""

    group: str
    artifact: str
    version: str


class Jar:
    """One archive as it goes by: its bytes, and those of its members that say what it is."""

    def __init__(self, name: str) -> None:
        self.is_jar = name.lower().endswith(_ENDS)
        self.is_grouped = self.is_jar and name.rpartition("/")[2].startswith("spring-")
        """Whether its classes tell the group that its name belongs to."""
        self._hashes = (hashlib.sha1(usedforsecurity=False), hashlib.sha256())
        self._members: dict[str, bytes] = {}
        self._folders: set[str] = set()

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the archive."""
        if self.is_jar:
            for each in self._hashes:
                each.update(data)

    def member(self, name: bytes, start: bytes, *, whole: bool) -> None:
        """Look at a member that begins with ``start``; ValueError if it is a record too large."""
        if name.endswith((b"/pom.properties", b"/pom.xml")) or name == _MANIFEST:
            if not whole and not name.endswith(b".xml"):
                raise ValueError("the record is too large")
            if whole and not (name.endswith(b".xml") and len(start) > _MOST):
                self._members[name.decode(errors="surrogateescape")] = start

    def folder(self, name: bytes) -> None:
        """Note where a class lies."""
        if name.startswith(b"org/springframework/"):
            self._folders.add("/".join(name.decode(errors="replace").split("/")[:3]) + "/")

    def packages(self, path: str, inside: str) -> Iterator[Package]:
        """Yield what is in the archive, itself first; ``path`` and ``inside`` say where it lies."""
        parts = list(self._parts())
        if not parts and not self.is_jar:
            return
        manifest = _headers(self._members.get(_MANIFEST.decode(), b"").decode(errors="replace"))
        if manifest.get("implementation-title") == _RUNTIME:
            return  # a part of what the file ``release`` says
        stem = (inside or path).rpartition("/")[2].rpartition(".")[0]
        whole = _own(parts, stem)
        if whole is None and self.is_jar:
            whole = _guessed(path if not inside else "", stem, manifest, self._folders)
        for maker in dict.fromkeys((*([whole] if whole else []), *parts)):
            itself = manifest if maker == whole else None
            yield self._package(maker, path, inside, itself)

    def _parts(self) -> Iterator[Maker]:
        """Yield who Maven says is in it."""
        poms: dict[tuple[str, str], Maker] = {}
        for name, data in self._members.items():
            place = _PLACE.fullmatch(name)
            if place is None:
                continue
            group, artifact, kind = place.groups()
            text = data.decode(errors="replace")
            if kind == "properties":
                said = _properties(text)
                maker = Maker(
                    said.get("groupId") or group,
                    said.get("artifactId") or artifact,
                    said.get("version", ""),
                )
                poms[group, artifact] = maker
            else:
                version = pom.read(text).version
                poms.setdefault((group, artifact), Maker(group, artifact, version))
        yield from (maker for maker in poms.values() if _is_resolved(maker))

    def _package(
        self, maker: Maker, path: str, inside: str, itself: Mapping[str, str] | None
    ) -> Package:
        """Return a part; of the archive ``itself`` that is the manifest."""
        said = pom.Pom()
        for start in ("", "WEB-INF/classes/"):
            name = f"{start}META-INF/maven/{maker.group}/{maker.artifact}/pom.xml"
            if maker.group and name in self._members:
                said = pom.read(self._members[name].decode(errors="replace"))
        kinds = ("sha1", "sha256")
        digests = zip(kinds, self._hashes, strict=True) if itself is not None else ()
        manifest = itself or {}
        vendor = manifest.get("implementation-vendor") or manifest.get("bundle-vendor", "")
        return Package(
            ECOSYSTEM if maker.group else UNCERTAIN,
            maker.artifact,
            maker.version,
            purl="",
            licence=said.licence or pom.licence(manifest.get("bundle-license", "")),
            supplier=(said.organisation or vendor)[:200],
            paths=(path,),
            namespace=maker.group,
            inside=inside,
            hashes=tuple(f"{kind}:{value.hexdigest()}" for kind, value in digests),
            found="manifest",
        )


def wants(path: str, name: str) -> bool:
    """Whether this may be the ``release`` file of a Java runtime."""
    return name == "release" and "!/" not in path


def read(path: str, data: bytes) -> list[Package]:
    """Return the Java runtime that a ``release`` file speaks of; none if it speaks of another."""
    if len(data) > _MOST:
        return []
    text = data.decode(errors="replace")
    said = {key: value.strip('"') for key, value in _properties(text).items()}
    version = said.get("JAVA_VERSION", "")
    if not version:
        return []
    graal = said.get("GRAALVM_VERSION", "")
    name = "graalvm" if graal else "openjdk"
    cpe = f"cpe:2.3:a:oracle:openjdk:{version}:*:*:*:*:*:*:*"
    return [
        Package(
            UNCERTAIN,
            name,
            graal or version,
            purl="",
            licence="",
            supplier=said.get("IMPLEMENTOR", "")[:200],
            paths=(path,),
            cpes=(cpe,) if not graal and re.fullmatch(r"[0-9._]+", version) else (),
            found="manifest",
        )
    ]


def _own(parts: list[Maker], stem: str) -> Maker | None:
    """Return which of ``parts`` a file called ``stem`` is."""
    fitting = [m for m in parts if stem == m.artifact or stem.startswith(f"{m.artifact}-")]
    if fitting:
        return max(fitting, key=lambda maker: len(maker.artifact))
    if len(parts) == 1:
        named = _NAMED.fullmatch(stem[:_LONGEST])
        if named is None or named[2] == parts[0].version:
            return parts[0]
    return None


def _guessed(path: str, stem: str, manifest: Mapping[str, str], folders: set[str]) -> Maker:
    """Return who an archive is of which Maven says nothing."""
    named = _NAMED.fullmatch(stem[:_LONGEST])
    keys = ("implementation-version", "bundle-version", "specification-version")
    version = next((manifest[key] for key in keys if manifest.get(key)), "")
    artifact, version = (named[1], named[2]) if named else (stem, version)
    lies = _REPOSITORY.search(path)
    if lies is not None and stem.startswith(f"{lies[2]}-{lies[3]}"):
        return Maker(lies[1].replace("/", "."), lies[2], lies[3])
    for name, group, folder in _GROUPS:
        known = artifact.startswith(name) if name.endswith("-") else artifact == name
        if known and any(there.startswith(folder) for there in folders):
            return Maker(group, artifact, version)
    return Maker("", artifact, version)


def _is_resolved(maker: Maker) -> bool:
    return not any("${" in text for text in maker) and bool(maker.group and maker.artifact)


def _properties(text: str) -> dict[str, str]:
    """Read a properties file as Maven writes it: no escapes occur in what names a package."""
    lines = (line.partition("=") for line in text.splitlines() if line[:1] not in {"#", "!"})
    return {key.strip(): value.strip() for key, equals, value in lines if equals}


def _headers(text: str) -> dict[str, str]:
    """Read the main section of a manifest (JAR File Specification); names in lower case."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n", 1)[0].replace("\n ", "")
    lines = (line.partition(":") for line in text.split("\n"))
    return {key.strip().lower(): value.strip() for key, colon, value in lines if colon}
