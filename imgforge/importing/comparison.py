"""Two images side by side: what the Dockerfile makes, and what its spec makes."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imgforge import cache, inspection, process, sources
from imgforge.analysis import analyse
from imgforge.analysis.facts import FILE
from imgforge.console import Meter, Say
from imgforge.engines import buildkit
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.layout import references
from imgforge.severity import LEVELS

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.oci.types import Platform
    from imgforge.policy import Policy

_SETUID: Final = 0o6000
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "busybox"})


@dataclass(frozen=True, slots=True)
class Original:
    """How the Dockerfile is built: as ``docker build`` would, for one platform."""

    dockerfile: Path
    context: Path
    platform: Platform
    target: str = ""
    arguments: Sequence[str] = ()
    contexts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that both images have, each its way."""

    name: str
    before: str
    after: str

    def to_json(self) -> dict[str, str]:
        """Return it as ``--format json`` shows it."""
        return {"name": self.name, "before": self.before, "after": self.after}


def build(original: Original, folder: Path, say: Say) -> Path:
    """Build the Dockerfile into an OCI layout below ``folder`` and return it.

    ToolMissingError without BuildKit; BuildFailedError with its words if it cannot be built.
    """
    binary = buildkit.buildx()
    if binary is None:
        raise ToolMissingError("comparing needs BuildKit, and the buildx plugin is not installed")
    layout = folder / "original"
    argv: list[str | Path] = [binary, "build", "--progress=plain", "--provenance=false"]
    argv += ["--platform", str(original.platform), "--file", original.dockerfile]
    argv += ["--target", original.target] if original.target else []
    for argument in original.arguments:
        argv += ["--build-arg", argument]
    for context in original.contexts:
        argv += ["--build-context", context]
    argv += ["--output", f"type=oci,tar=false,dest={layout}", original.context]
    env = {name: os.environ[name] for name in buildkit.CLIENT_ENV if name in os.environ}
    try:
        process.run(argv, env=env, on_line=lambda text: say(text[: buildkit.LINE]))
    except BuildFailedError as error:
        raise BuildFailedError(
            f"{original.dockerfile} could not be built",
            details=error.details,
            hint="the spec was written and built; give a base that cannot be fetched with "
            "--build-context NAME=PLACE, or leave out --compare",
        ) from error
    return layout


def compare(
    original: Path, made: Path, policy: Policy, platform: Platform, say: Say
) -> tuple[Line, ...]:
    """Return what differs between the images in two OCI layouts, and what is of interest anyway."""
    before, after = (_measured(path, policy, platform, say) for path in (original, made))
    return tuple(Line(name, before[name], after[name]) for name in before)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the Dockerfile's image, gone with the block that it is used in."""
    return tempfile.TemporaryDirectory(prefix="compare-", dir=cache.directory("work"))


def _measured(path: Path, policy: Policy, platform: Platform, say: Say) -> dict[str, str]:
    what = f"oci:{path}"
    with sources.open_source(sources.parse(what), say=say) as source:
        (image,) = source.images((platform,), say)
        facts = analyse(
            source.blobs,
            image,
            cache=cache.directory("analysis"),
            progress=Meter(say, "reading layers").add,
        )
        _, *layers = references(source.blobs.read_json(image))
    asked = inspection.Request(policy=policy, platforms=(platform,))
    found = Counter(f.severity.name.lower() for f in inspection.inspect(what, asked, say).findings)
    size = sum(layer.size for layer in layers)
    config: dict[str, Any] = facts.config.get("config") or {}
    return {
        "size": f"{size / 1e6:.1f} MB",
        "layers": str(len(layers)),
        "files": str(sum(1 for _ in _regular(facts))),
        "packages": str(len(facts.packages)),
        "findings": ", ".join(f"{found[name]} {name}" for name in reversed(LEVELS) if found[name])
        or "none",
        "shell": _shell(facts),
        "setuid programs": str(sum(bool(f.mode & _SETUID) for f in _regular(facts))),
        "user": str(config.get("User") or "root"),
        "entry point": " ".join(config.get("Entrypoint") or ()) or "-",
        "command": " ".join(config.get("Cmd") or ()) or "-",
        "working directory": str(config.get("WorkingDir") or "/"),
        "ports": " ".join(sorted(config.get("ExposedPorts") or {})) or "-",
        "environment": " ".join(sorted(v.partition("=")[0] for v in config.get("Env") or ())),
        "health check": "yes" if config.get("Healthcheck") else "no",
        "stop signal": str(config.get("StopSignal") or "SIGTERM"),
    }


def _regular(facts: ImageFacts) -> list[Any]:
    return [f for f in facts.files.values() if f.kind == FILE]


def _shell(facts: ImageFacts) -> str:
    found = sorted(_SHELLS & facts.names)
    return ", ".join(found) or "none"
