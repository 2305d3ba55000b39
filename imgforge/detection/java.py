"""Java projects: Maven's pom.xml, Gradle's build files, or a jar that is ready."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge.detection import hints
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree

if TYPE_CHECKING:
    from imgforge.fields import Parameter

_GRADLE: Final[tuple[str, ...]] = ("build.gradle", "build.gradle.kts")
_SETTINGS: Final[tuple[str, ...]] = ("settings.gradle", "settings.gradle.kts")
_LOCKS: Final = {"maven": "maven.sha256", "gradle": "gradle.sha256"}
_INCLUDED: Final = re.compile(r"""\binclude\b[ (]*((?:["'][\w:.-]+["'][\s,]*)+)""")
_WRAPPER: Final = "gradle/wrapper/gradle-wrapper.properties"


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's Java project may be built; None if it has none."""
    gradle = [n for n in (*_GRADLE, *_SETTINGS) if n in folder.files]
    maven = "pom.xml" in folder.files
    jars = sorted(n for n in folder.files if n.endswith(".jar"))
    if not maven and not gradle and len(jars) != 1:
        return None
    doubts: list[str] = []
    if maven or gradle:
        named = "pom.xml" if maven else gradle[0]
        beside = ("gradle.properties", "gradle", "buildSrc")
        source = ["pom.xml"] if maven else gradle
        source += [n for n in beside if gradle and n in (*folder.files, *folder.folders)]
        source += [
            n
            for n in hints.folders(folder)
            if n not in source and _java(tree, joined(folder.path, n))
        ]
        if maven and gradle:
            doubts.append(f"both pom.xml and {gradle[0]}: Maven was taken")
    else:
        named, source = jars[0], jars
    parameters: dict[str, Parameter] = {"build": "maven" if maven else "gradle"}
    if not maven and not gradle:
        layered = _layered(tree.root / folder.path / named)
        parameters = {"build": "layers" if layered else "jar", "jar": named}
    elif not maven:
        doubts += _gradle_doubts(tree, folder)
    text = tree.text(joined(folder.path, named)) if not named.endswith(".jar") else ""
    wanted = _version(text)
    modules = re.findall(r"<module>\s*([\w./-]+)\s*</module>", text)
    if modules:
        parameters["modules"] = modules
        doubts.append("several Maven modules: name the application's in stack.parameters.module")
    # A ready jar may be of either's making, and its lock says what is in it.
    of = _LOCKS.get(str(parameters["build"]))
    locks = [n for n in ([of] if of else _LOCKS.values()) if n in folder.files]
    ports, data, defaults = hints.defaults(tree, folder.path, source)
    artifact = re.search(r"<artifactId>\s*([\w.-]+)\s*</artifactId>", _own(text))
    version = re.search(r"<version>\s*([\w.-]+)\s*</version>", _own(text))
    return Candidate(
        "java",
        folder.path,
        3 + bool(locks),
        (Evidence(joined(folder.path, named), "Java"), *defaults),
        wanted=wanted,
        wanted_by=named if wanted else "",
        locks=tuple(locks),
        name=artifact[1] if artifact else "",
        version=version[1] if version else "",
        source=tuple(source),
        ports=tuple(ports) or hints.exposed(tree, folder.path),
        writable=tuple(data),
        parameters=parameters,
        doubts=tuple(doubts),
        starts_itself=True,
    )


def _gradle_doubts(tree: Tree, folder: Folder) -> list[str]:
    """Say what Gradle's wrapper lacks for the build, and whether a module is to be named."""
    doubts = []
    wrapper = tree.text(joined(folder.path, _WRAPPER))
    if not wrapper:
        doubts.append(
            "there is no Gradle wrapper: add it (gradle wrapper), or let the distribution's own "
            'Gradle 4.4 build it, with build-packages = ["gradle"] in [stack]'
        )
    elif not re.search(r"(?m)^\s*distributionSha256Sum\s*[=:]\s*[0-9a-f]{64}\s*$", wrapper):
        doubts.append(
            f"{_WRAPPER} has no distributionSha256Sum: add it, as gradle.org/release-checksums says"
        )
    settings = "".join(tree.text(joined(folder.path, n)) for n in _SETTINGS)
    if _INCLUDED.search(settings):
        doubts.append("several Gradle modules: name the application's in stack.parameters.module")
    return doubts


def _own(pom: str) -> str:
    """Return what of a pom speaks of the project itself."""
    cut = _without(_without(pom, "<!--", "-->"), "<parent>", "</parent>")
    return re.split(r"<(?:dependencies|dependencyManagement|build|profiles|modules)>", cut)[0]


def _without(text: str, start: str, end: str) -> str:
    """Return ``text`` without what stands between each ``start`` and the ``end`` after it."""
    kept, at = [], 0
    while (begin := text.find(start, at)) >= 0 and (stop := text.find(end, begin)) >= 0:
        kept.append(text[at:begin])
        at = stop + len(end)
    return "".join([*kept, text[at:]])


def _version(text: str) -> str:
    patterns = (
        r"<maven\.compiler\.release>\s*(\d+)",
        r"<release>\s*(\d+)",
        r"<java\.version>\s*(\d+)",
        r"<maven\.compiler\.target>\s*(\d+)",
        r"JavaLanguageVersion\.of\((\d+)\)",
        r"(?:sourceCompatibility|targetCompatibility)\s*=\s*(?:JavaVersion\.VERSION_)?[\"']?(\d+)",
    )
    found = (re.search(pattern, text) for pattern in patterns)
    return next((f">={m[1]}" for m in found if m), "")


def _layered(jar: Path) -> bool:
    """Whether a jar is of Spring Boot's kind; one that cannot be read is none."""
    import zipfile

    if jar.is_symlink() or not jar.is_file():
        return False
    try:
        with zipfile.ZipFile(jar) as archive:
            return "BOOT-INF/layers.idx" in archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError):
        return False


def _java(tree: Tree, path: str) -> bool:
    return any(n.endswith((".java", ".kt")) for place in tree.below(path) for n in place.files)
