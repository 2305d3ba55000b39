"""BuildKit through the buildx binary: the rendered Dockerfile exactly as printed.

Bases are handed over as named contexts on OCI layouts, so no registry is asked; the result is
exported into a lasting OCI layout (``tar=false``), so only new blobs move. Its layers are then
written the way the native engine writes them, each once: BuildKit's own ``rewrite-timestamp``
does all of them again in every build, and its bytes depend on its version. What the Docker Engine
can do is probed by feature (its image store), never by version: distributions' builds of BuildKit
don't know theirs.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from imgforge import cache, context, prepared, process
from imgforge.engines import assembly, commands, docker
from imgforge.engines.protocol import BuildRequest, Built
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.indexes import machine
from imgforge.oci.layer import Layer, rewrite_layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import LAYER_GZIP, LAYER_TAR, Descriptor, Platform, sha256
from imgforge.plan import BuildPlan

NAME = "buildkit"

CLIENT_ENV = (
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "BUILDX_BUILDER",
    "BUILDX_CONFIG",
)
LINE = 100
"""Characters of BuildKit's own progress that are shown of a step."""

SAID = 20
"""Lines of a failed step's own output that the error shows."""

_SAID = re.compile(r"#\d+ \d+\.\d+ (.*)")

PREFIXES = ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")


def unable(plan: BuildPlan) -> str:
    """Say why BuildKit cannot be used for ``plan``; empty if it can."""
    binary = buildx()
    if binary is None:
        return "the buildx plugin is not installed"
    if os.environ.get("BUILDX_BUILDER"):
        return _cannot_run(plan, "", binary)
    try:
        engine = docker.probe()
    except ToolMissingError as error:
        return error.message
    if not engine.containerd_store:
        return "the Docker Engine does not use the containerd image store"
    return _cannot_run(plan, f"linux/{engine.architecture}", binary)


def _cannot_run(plan: BuildPlan, own: str, binary: Path) -> str:
    """Say which platform's commands cannot be run: before a build, not in its middle.

    The builder is asked only about platforms that are not its ``own``, and each time anew: what it
    can emulate changes while it runs (it looks again every 20 seconds), and a build that emulates
    takes far longer than the question.
    """
    if commands.needed(plan, own).keys() <= {own}:
        return ""
    try:
        able = platforms(binary)
    except BuildFailedError as error:
        return f"the builder does not say what it can run: {' '.join(error.details[-1:])}"
    return commands.lacking(plan, own, able, "the builder")


def platforms(binary: Path) -> set[str]:
    """Ask the builder which platforms it can run, itself or emulated; BuildFailedError if not."""
    start = ["--bootstrap"] if os.environ.get("BUILDX_BUILDER") else []
    env = {name: os.environ[name] for name in CLIENT_ENV if name in os.environ}
    shown = process.run([binary, "inspect", *start], env=env, timeout=120).stdout.decode()
    lines = re.findall(r"^Platforms:\s*(.*)$", shown, re.MULTILINE)
    return {
        commands.plain(word.strip(" *"))
        for line in lines
        for word in line.split(",")
        if word.strip()
    }


def buildx() -> Path | None:
    """Find the buildx binary where the docker command looks for its plugins."""
    config = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    folders = [config / "cli-plugins"]
    folders += [Path(prefix) / "docker" / "cli-plugins" for prefix in PREFIXES]
    for folder in folders:
        candidate = folder / "docker-buildx"
        if os.access(candidate, os.X_OK):
            return candidate
    return None


def build(request: BuildRequest) -> Built:
    """Build all platforms in one call; see :class:`~imgforge.engines.protocol.Engine`."""
    plan, binary = request.plan, buildx()
    if binary is None:
        raise ToolMissingError("the buildx plugin is not installed")
    output = request.scratch / "layout"
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        work = Path(folder)
        (work / "Dockerfile").write_text(request.dockerfile, encoding="utf-8")
        (work / "Dockerfile.dockerignore").write_text(
            context.ignore_file(plan.inputs, plan.exclude), encoding="utf-8"
        )
        names = tuple(dict.fromkeys(name for stage in plan.stages for name in stage.indexes))
        given = machine.secrets(names, work)
        hidden = machine.sensitive(names, given)
        secrets = {**given, **request.secrets}
        argv: list[str | Path] = [binary, "build", "--progress=plain"]
        argv += ["--provenance=false", "--sbom=false", "--platform", ",".join(plan.platforms)]
        argv += ["--file", work / "Dockerfile"]
        for pin, base in request.bases.items():
            digest = pin.partition("@")[2]
            argv += ["--build-context", f"{pin}=oci-layout://{base}@{digest}"]
        ready = prepared.write(plan, request.context, work)
        if ready is not None:
            argv += ["--build-context", f"{prepared.CONTEXT}={ready}"]
        for name, secret in secrets.items():
            source = f"src={secret.file}" if secret.file else f"env={secret.variable}"
            argv += ["--secret", f"id={name},{source}"]
        argv += _build_platform(request)
        proxies = machine.proxies() if any(s.network for s in plan.stages) else {}
        for name in proxies:  # predefined arguments: in no history, no cache key; values by env
            argv += ["--build-arg", name]
        if request.no_cache:
            argv.append("--no-cache")
        argv += ["--output", f"type=oci,tar=false,dest={output},compression=uncompressed"]
        argv.append(request.context)
        _run(argv, request, proxies, hidden)
    result = Layout.open(output)
    images = [image for top in result.index() for image in result.images(top)]
    layout = Layout.create(request.scratch / "image")
    made = [_image(request, layout, result, images, p) for p in plan.platform_list()]
    result.prune()
    return Built(layout, assembly.finish(layout, made), _tools(binary))


def _image(
    request: BuildRequest,
    layout: Layout,
    result: Layout,
    images: list[Descriptor],
    platform: Platform,
) -> Descriptor:
    """Take one platform's layers, after seeing that BuildKit did what the plan says."""
    base = assembly.open_base(request, platform)
    found = [i for i in images if i.platform and assembly.same(i.platform, platform)]
    if len(found) != 1:
        raise BuildFailedError(f"BuildKit left {len(found)} images for {platform}")
    config, *blobs = references(result.read_json(found[0]))
    value = result.read_json(config)
    diff_ids = list(value["rootfs"]["diff_ids"])
    below = len(base.diff_ids)
    if diff_ids[:below] != base.diff_ids or len(blobs) != len(diff_ids):
        raise BuildFailedError("BuildKit's image does not stand on the pinned base")
    wanted = assembly.configuration(base.config.get("config") or {}, request.plan.runtime)
    got = value.get("config") or {}
    if wrong := [key for key in wanted if got.get(key) != wanted[key]]:
        raise BuildFailedError(f"BuildKit's image is not as planned: {', '.join(wrong)} differ")
    layers = [_layer(layout, result, d) for d in blobs[below:]]
    kept = [layer for layer in layers if layer is not None]
    if len(kept) != len(request.plan.runtime.copies):
        raise BuildFailedError(f"BuildKit made {len(kept)} layers with content, not as planned")
    return assembly.assemble(layout, request.plan, platform, base, kept)


def _layer(layout: Layout, result: Layout, blob: Descriptor) -> Layer | None:
    """Write a layer as imgforge writes layers, so that it depends on no engine's version."""
    if blob.media_type not in {LAYER_TAR, LAYER_GZIP}:
        raise BuildFailedError(f"BuildKit made a layer of type {blob.media_type}")

    def make(store: Layout) -> Layer | None:
        with result.blob_path(blob.digest).open("rb") as file:
            reader = _Hashing(file)
            raw = cast("IO[bytes]", reader)
            if blob.media_type == LAYER_GZIP:  # BuildKit reuses what it compressed before
                raw = cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
            try:
                layer = rewrite_layer(store, raw)
            except (ValueError, EOFError, OSError, zlib.error, tarfile.TarError) as error:
                raise BuildFailedError(f"BuildKit's layer {blob.digest}: {error}") from error
            if reader.finish() != blob.digest:
                raise BuildFailedError(f"BuildKit's layer {blob.digest} has another digest")
        return layer

    return assembly.stored(layout, {"layer": blob.digest}, make)


class _Hashing:
    """A file that hashes all that is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read and hash."""
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def finish(self) -> str:
        """Read what is left; return the digest of the whole."""
        while self.read(1 << 20):
            pass
        return "sha256:" + self._hash.hexdigest()


def _build_platform(request: BuildRequest) -> list[str]:
    """Name a platform for crossing steps if the builder has no image for the engine's own."""
    if os.environ.get("BUILDX_BUILDER") or not any(s.crosses for s in request.plan.stages):
        return []
    layout = Layout.open(request.bases[request.plan.stages[0].base.pin])
    images = [image for top in layout.index() for image in layout.images(top)]
    offered = [str(image.platform) for image in images if image.platform]
    if not offered or f"linux/{docker.probe().architecture}" in offered:
        return []
    return ["--build-arg", f"BUILDPLATFORM={offered[0]}"]


def _run(
    argv: list[str | Path],
    request: BuildRequest,
    proxies: Mapping[str, str],
    hidden: Sequence[str],
) -> None:
    env = {name: os.environ[name] for name in CLIENT_ENV if name in os.environ}
    given = [secret.variable for secret in request.secrets.values() if secret.variable]
    env |= {name: os.environ[name] for name in given}
    env |= {**proxies, "SOURCE_DATE_EPOCH": str(request.plan.epoch)}
    values = [*hidden, *(secret.value().strip() for secret in request.secrets.values())]
    try:
        process.run(argv, env=env, secrets=values, on_line=_narrate(request))
    except BuildFailedError as error:
        raise BuildFailedError(
            "BuildKit could not build the image",
            details=_relevant(error.details),
            hint=_advice("\n".join(error.details)),
        ) from error


def _narrate(request: BuildRequest) -> Callable[[str], None]:
    def line(text: str) -> None:
        number, _, rest = text.partition(" ")
        if number.startswith("#") and rest.startswith(("[", "exporting")):
            request.say(" ".join(rest.split())[:LINE])
        elif process.verbose:
            request.say(text)

    return line


def _advice(log: str) -> str:
    if "exec format error" in log or "no support for running" in log:
        return (
            "this machine cannot run commands of that platform: install qemu-user-static (binfmt), "
            "or build with --engine native where the plan allows"
        )
    return "imgforge render prints the Dockerfile; -v shows the whole log"


def _relevant(lines: tuple[str, ...]) -> list[str]:
    """Pick what the failing step said: buildx repeats it between two rules, then the error.

    A busy builder's last words can miss that repetition; they are then taken from the log itself.
    """
    rules = [i for i, line in enumerate(lines) if set(line) == {"-"}]
    said = list(lines[rules[0] + 1 : rules[1]]) if len(rules) > 1 else []
    if len(said) == 1:
        said += [match[1] for line in lines if (match := _SAID.match(line))]
    error = next((line for line in reversed(lines) if line.startswith("ERROR:")), "")
    kept = [*said[-SAID:], error] if said or error else list(lines[-SAID:])
    return [_short(" ".join(line.split())) for line in kept if line.strip()]


def _short(line: str) -> str:
    """Leave out the middle of a long line: its end says how the command ended."""
    return line if len(line) <= 2 * LINE else f"{line[:LINE]} … {line[-LINE:]}"


def _tools(binary: Path) -> dict[str, str]:
    tools = {"buildx": _version(binary)}
    if not os.environ.get("BUILDX_BUILDER"):
        tools["docker-engine"] = docker.probe().version
    return tools


def _version(binary: Path) -> str:
    """Ask the binary its version, once for as long as it is the same file."""
    status = binary.stat()
    identity = sha256(f"{binary} {status.st_ino} {status.st_size} {status.st_mtime_ns}".encode())
    note = cache.directory("engines") / identity.removeprefix("sha256:")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return note.read_text()
    words = process.run([binary, "version"]).stdout.decode(errors="replace").split()
    version = words[1] if len(words) > 1 else "unknown"
    cache.write(note, version.encode())
    return version
