"""buildah: the build stages in containers without a daemon, the runtime stage made by imgforge.

Each build stage of the plan is built by a call of its own, from its own instructions in the
Dockerfile. So each has the network that it declares or none, only the secrets that it declares,
and what stages before it left, named by identity. Its output is taken out as a tar archive, and
its layers are written as the native engine writes them: the image is BuildKit's bit for bit where
the stages' outputs are.

buildah 1.28 is the oldest that is known to do; nothing newer is used, and no version is asked.
"""

from __future__ import annotations

import functools
import os
import platform as machines
import re
import resource
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from imgforge import indexes, prepared, process
from imgforge.engines import assembly, commands, containers, stagefile
from imgforge.engines.containers import Storage
from imgforge.engines.copies import Part, image, owner
from imgforge.engines.protocol import BuildRequest, BuildSecret, Built
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.indexes import machine
from imgforge.oci.layer import Entry, Layer, write_layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import Platform
from imgforge.plan import BuildPlan, Stage

NAME = "buildah"

SAID = 20
"""Lines of a failed step's own output that the error shows."""

LINE = 100
"""Characters of buildah's own progress that are shown of a step."""

BINFMT = Path("/proc/sys/fs/binfmt_misc")
MACHINES = {62: "linux/amd64", 183: "linux/arm64"}
"""Machine in an ELF header (elf.h) → platform."""

_NAMES = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}
LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
"""Limits of a step, which are those of this process."""

PID_MAX = Path("/proc/sys/kernel/pid_max")
"""How many process numbers the kernel has (proc(5))."""

_PIECE = 1 << 20


def unable(plan: BuildPlan) -> str:
    """Say why buildah cannot be used for ``plan``; empty if it can."""
    if reason := containers.trouble():
        return reason
    return commands.lacking(plan, own_platform(), platforms(), "this machine")


def own_platform() -> str:
    """Return this machine's platform."""
    return _NAMES.get(machines.machine(), "linux/" + machines.machine())


def platforms() -> set[str]:
    """Return the platforms whose commands this machine can run, itself or emulated.

    An emulator counts if the kernel holds it open (binfmt_misc flag F): it is found in containers
    then, too.
    """
    found = {own_platform()}
    if not BINFMT.is_dir():
        return found
    for path in BINFMT.iterdir():
        if path.name in {"register", "status"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        flags = re.search(r"^flags: *(\w*)$", text, re.MULTILINE)
        magic = re.search(r"^magic ([0-9a-f]{40,})$", text, re.MULTILINE)
        if text.startswith("enabled") and flags and "F" in flags[1] and magic:
            header = bytes.fromhex(magic[1][:40])
            name = MACHINES.get(int.from_bytes(header[18:20], "little"))
            # 64 bits, little-endian
            if name and header[:6] == b"\x7fELF\x02\x01":
                found.add(name)
    return found


def build(request: BuildRequest) -> Built:
    """Build the stages of every platform, then assemble; see the protocol's Engine."""
    if reason := unable(request.plan):
        raise ToolMissingError(f"buildah cannot build this: {reason}")
    layout = Layout.create(request.scratch / "layout")
    with containers.opened() as storage:
        prepared.write(request.plan, request.context, storage.run)
        machinery = storage.run / "machine"
        machinery.mkdir(mode=0o700)
        names = tuple(dict.fromkeys(name for s in request.plan.stages for name in s.indexes))
        given = machine.secrets(names, machinery)
        secrets, hidden = {**given, **request.secrets}, tuple(machine.sensitive(names, given))
        work = _Work(request, storage, containers.isolation(), secrets, hidden)
        stagefile.copy_context(request, work.context)
        images, used = [], []
        for platform in request.plan.platform_list():
            made: dict[str, str] = {}
            for stage in request.plan.stages:
                base, made[stage.name] = _stage(work, stage, platform, made)
                used += [base, made[stage.name]]
            filled = functools.partial(_layer, work, layout, made)
            images.append(image(request, layout, platform, filled))
        containers.keep(storage, request.scratch, used)
    tools = {"buildah": containers.version(storage.binary)}
    return Built(layout, assembly.finish(layout, images), tools)


@dataclass(frozen=True, slots=True)
class _Work:
    """What all stages of a build share.

    ``secrets`` are those of the machine, too; ``hidden`` are texts that are not to be printed.
    """

    request: BuildRequest
    storage: Storage
    isolation: list[str]
    secrets: Mapping[str, BuildSecret]
    hidden: tuple[str, ...]

    @property
    def context(self) -> Path:
        """The copy of the context, which steps cannot change for the machine."""
        return self.storage.run / "context"


def _stage(
    work: _Work, stage: Stage, platform: Platform, made: Mapping[str, str]
) -> tuple[str, str]:
    """Build a stage; return the identities of its base and of the image that it became.

    ``made`` are the stages before it.
    """
    request, storage = work.request, work.storage
    layout = request.bases[stage.base.pin]
    where, base = _builder(layout, stage, platform)
    storage.take(layout, base, where)
    file, noted = storage.run / "Dockerfile", storage.run / "identity"
    file.write_text(stagefile.dockerfile(stage, base, made, work.context), encoding="utf-8")
    argv: list[str | Path] = ["bud", "--layers", "--force-rm", "--pull=never"]
    argv += ["--network", "host"]
    argv.append(f"--http-proxy={str(stage.network).lower()}")
    argv += ["--signature-policy", storage.policy, *work.isolation, "--platform", where]
    argv += ["--iidfile", noted, "--file", file]
    for name, limit in LIMITS.items():
        argv += ["--ulimit", f"{name}={_limit(limit)}"]
    if where != str(platform):
        argv += ["--build-arg", f"TARGETPLATFORM={platform}"]
        argv += ["--build-arg", f"TARGETOS={platform.os}"]
        argv += ["--build-arg", f"TARGETARCH={platform.architecture}"]
    if request.no_cache:
        argv.append("--no-cache")
    if (ready := storage.run / prepared.CONTEXT).is_dir():
        argv += ["--build-context", f"{prepared.CONTEXT}={ready}"]
    for name in (*stage.secrets, *indexes.secrets(stage.indexes)):
        secret = work.secrets.get(name)
        if secret is not None:
            source = f"src={secret.file}" if secret.file else f"env={secret.variable}"
            argv += ["--secret", f"id={name},{source}"]
    with containers.held(storage, stagefile.locked(stage)):
        _run(work, stage.name, [*argv, work.context], network=stage.network)
    return base, noted.read_text(encoding="utf-8").strip().removeprefix("sha256:")


def _limit(number: int) -> str:
    """Return a limit as it is for us: newer buildahs raise it, which not every machine allows.

    More processes than the kernel has numbers for are as good as no limit, and buildah, for an
    ordinary user, has lowered its own to that: a step could not be given more.
    """
    most = _most_processes() if number == resource.RLIMIT_NPROC else 1 << 15
    now = resource.getrlimit(number)
    if number == resource.RLIMIT_NPROC:
        now = (min(now[0], most), min(now[1], most))
    return ":".join(str(n if n >= 0 else most) for n in now)


def _most_processes() -> int:
    try:
        return int(PID_MAX.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1 << 15


def _builder(layout: Path, stage: Stage, platform: Platform) -> tuple[str, str]:
    """Return the platform on which a stage's commands run, and its builder's identity (hex)."""
    held = Layout.open(layout)
    found = {
        commands.plain(str(i.platform or platform)): references(held.read_json(i))[0].digest
        for top in held.index()
        for i in held.images(top)
    }
    where = commands.plain(str(platform))
    if stage.crosses:
        where = own_platform() if own_platform() in found else next(iter(found), where)
    if where not in found:
        raise BuildFailedError(f"base {stage.base.pin} has no image for {where}")
    return where, found[where].removeprefix("sha256:")


def _layer(work: _Work, layout: Layout, made: Mapping[str, str], part: Part) -> Layer:
    """Make the layer of a stage's output, or take what the same output was made to before."""
    identity = made[part.stage.name]

    def make(store: Layout) -> Layer:
        archive = work.storage.run / f"{identity}.tar"
        if not archive.is_file():
            _take_out(work, part.stage, identity, archive)
        with tarfile.open(archive, encoding="utf-8", errors="surrogateescape") as tar:
            return write_layer(store, [*part.folders, *_entries(tar, part)])

    inputs = {**part.key, "stage": identity, "source": part.copy.source}
    layer = assembly.stored(layout, inputs, make, fresh=work.request.no_cache)
    if layer is None:
        raise BuildFailedError(f"stage {part.stage.name!r} made nothing")
    return layer


def _take_out(work: _Work, stage: Stage, identity: str, archive: Path) -> None:
    """Write a stage's output into a tar archive."""
    storage = work.storage
    file = storage.run / "Dockerfile"
    output = stage.output.rstrip("/") + "/"
    file.write_text(
        f'FROM {identity} AS made\nFROM scratch\nCOPY --from=made ["{output}", "/"]\n',
        encoding="utf-8",
    )
    nothing = storage.run / "nothing"
    nothing.mkdir(exist_ok=True)
    argv: list[str | Path] = ["bud", "--pull=never", "--signature-policy", storage.policy]
    argv += ["--isolation", "chroot", "--file", file]
    argv += ["--output", f"type=tar,dest={archive}", nothing]
    _run(work, stage.name, argv, network=False)


def _entries(tar: tarfile.TarFile, part: Part) -> Iterator[Entry]:
    """Yield what a copy takes of a stage's output, sorted, as the image shall have it.

    Of a file with several names the first is the file, the others are hard links to it.
    """
    uid, gid, mode = owner(part.copy)
    top = PurePosixPath(part.copy.source).relative_to(part.stage.output)
    members = {PurePosixPath(m.name.strip("/")): m for m in tar}
    if top != PurePosixPath() and top not in members:
        raise BuildFailedError(f"stage {part.stage.name!r} left no {part.copy.source}")
    first: dict[str, str] = {}
    for path in sorted((p for p in members if top in p.parents), key=lambda p: p.parts):
        member = members[path]
        name = f"{part.destination}/{path.relative_to(top)}"
        if any(key.startswith("SCHILY.xattr.") for key in member.pax_headers):
            raise BuildFailedError(f"{part.stage.output}/{path} has extended attributes")
        if member.isdir():
            yield Entry(name, mode, uid, gid)
        elif member.issym():
            yield Entry(name, 0o777, uid, gid, link=member.linkname)
        elif not (member.isreg() or member.islnk()) or member.issparse():
            raise BuildFailedError(f"{part.stage.output}/{path} is a special file")
        else:
            content = member.linkname.strip("/") if member.islnk() else str(path)
            if content in first:
                yield Entry(name, mode, uid, gid, same=first[content])
                continue
            first[content] = name
            file = tar.extractfile(member)
            if file is None:
                raise BuildFailedError(f"{part.stage.output}/{path} is not whole")
            size = members[PurePosixPath(content)].size
            yield Entry(name, mode, uid, gid, pieces=_pieces(file), size=size)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _run(work: _Work, name: str, argv: list[str | Path], *, network: bool) -> None:
    given = [secret.variable for secret in work.secrets.values() if secret.variable]
    env = {**work.storage.env(), **{variable: os.environ[variable] for variable in given}}
    env |= machine.proxies() if network else {}
    values = [*work.hidden, *(s.value().strip() for s in work.request.secrets.values())]
    command = work.storage.argv(*argv, network=network)
    try:
        process.run(command, env=env, secrets=values, on_line=_narrate(work.request, name))
    except BuildFailedError as error:
        raise BuildFailedError(
            "buildah could not build the image",
            details=[f"stage {name}:", *_relevant(error.details)],
            hint="imgforge render prints the Dockerfile; -v shows the whole log",
        ) from error


def _narrate(request: BuildRequest, name: str) -> Callable[[str], None]:
    def line(text: str) -> None:
        found = re.match(r"(?:\[\d+/\d+\] )?STEP \d+/\d+: (.*)", text)
        if found:
            request.say(f"{name}: {' '.join(found[1].split())}"[:LINE])
        elif process.verbose:
            request.say(text)

    return line


def _relevant(lines: tuple[str, ...]) -> list[str]:
    """Pick what the failing step said, and how it ended."""
    start = max(
        (i for i, text in enumerate(lines) if re.match(r"(\[.*\] )?STEP ", text)), default=-1
    )
    noise = re.compile(r"time=\S+ level=(warning|error)|subprocess exited|\[Warning\]|-->")
    said = [text for text in lines[start + 1 :] if text.strip() and not noise.match(text)]
    return [_short(" ".join(text.split())) for text in said[-SAID:]]


def _short(line: str) -> str:
    """Leave out the middle of a long line: its end says how the command ended."""
    return line if len(line) <= 2 * LINE else f"{line[:LINE]} … {line[-LINE:]}"
