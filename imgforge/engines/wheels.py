"""Filling a folder with locked wheels for a platform, by uv, without running any of their code.

The builder's step does the same with the same flags, so both engines ship the same files.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from imgforge import cache, process
from imgforge.engines.protocol import BuildRequest
from imgforge.errors import BuildFailedError, InvalidInputError
from imgforge.indexes import machine
from imgforge.oci.types import Platform
from imgforge.plan import Fill

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def describe(fill: Fill) -> str:
    """Say what :func:`fill` does, for the progress."""
    return f"installing the wheels of {fill.parameters['lock']}"


def inputs(fill: Fill, request: BuildRequest) -> list[str]:
    """Return what decides the result besides the parameters: the lock file's hash, uv's version.

    The lock of another manager than pip decides together with the project that it is made of.
    """
    context = request.context
    try:
        lock = (context / fill.parameters["lock"]).read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"cannot read {fill.parameters['lock']}: {error.strerror}",
            hint="uv pip compile --generate-hashes requirements.in -o requirements.txt",
        ) from error
    found = [hashlib.sha256(lock + _beside(fill, context)).hexdigest(), _uv_version()]
    if fill.parameters.get("bytecode"):
        from imgforge.engines import bytecode

        program = bytecode.PROGRAM.read_bytes()
        found += [request.plan.runtime.base.digest, hashlib.sha256(program).hexdigest()]
    return found


def _beside(fill: Fill, context: Path) -> bytes:
    """Return the bytes of every pyproject.toml that a lock is held against, if it is.

    Beside the project's own these are those of a uv workspace's members: what they ask for must be
    in the lock, also where they have no wheel.
    """
    if fill.parameters.get("manager", "pip") == "pip":
        return b""
    lock = context / fill.parameters["lock"]
    named = {name.decode(errors="replace") for name in _FOLDERS.findall(lock.read_bytes())}
    paths = (lock.parent / folder / "pyproject.toml" for folder in (".", *sorted(named - {"."})))
    return b"".join(path.read_bytes() for path in paths if path.is_file())


_FOLDERS = re.compile(rb"""\b(?:directory|editable|virtual)\s*=\s*["']([^"'\n\0]+)["']""")


def _requirements(fill: Fill, platform: Platform, context: Path, folder: Path) -> Path:
    """Return the requirements to install: the lock itself, or what is made of it in ``folder``."""
    from imgforge import hashed

    if "manager" not in fill.parameters:  # a stack that has nothing prepared: uv reads it alone
        return context / fill.parameters["lock"]
    text = hashed.requirements(context, fill.parameters, platform)
    if fill.parameters["manager"] == "pip":
        return context / fill.parameters["lock"]
    path = folder / "requirements.txt"
    path.write_bytes(text)
    return path


def tools() -> dict[str, str]:
    """Return what installs the wheels, and its version."""
    return {"uv": _uv_version()}


def _uv_version() -> str:
    """Read uv's version from the name of its metadata; importlib.metadata costs far more."""
    import uv

    folder = Path(uv.__file__).parent.parent
    found = [p.name.split("-")[1] for p in folder.glob("uv-*.dist-info")]
    return found[0].removesuffix(".dist")


def fill(fill: Fill, platform: Platform, request: BuildRequest, folder: Path) -> None:
    """Install into ``folder``; BuildFailedError with uv's words if the lock doesn't hold."""
    import uv

    parameters = fill.parameters
    target = f"{MACHINES[platform.architecture]}-{parameters['manylinux']}"
    variables = machine.given("pip").variables
    env = {
        **variables,
        "UV_CACHE_DIR": str(cache.directory("uv")),
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }
    argv: list[str | Path] = [uv.find_uv_bin(), "pip", "install", "--quiet", "--target", folder]
    argv += ["--python-version", parameters["python"], "--python-platform", target]
    argv += ["--require-hashes", "--only-binary", ":all:"]
    if "NETRC" in os.environ:
        env["NETRC"] = os.environ["NETRC"]
    if request.offline:
        argv.append("--offline")
    hidden = machine.passwords(variables.values())
    try:
        with (
            machine.trusted() as certificates,
            tempfile.TemporaryDirectory(prefix="imgforge-") as work,
        ):
            made = _requirements(fill, platform, request.context, Path(work))
            call = [*argv, "--requirements", made]
            process.run(call, env={**env, **certificates}, cwd=folder, secrets=hidden)
    except BuildFailedError as error:
        hint = (
            "a missing hash or pin: uv pip compile --generate-hashes; a package without a "
            "wheel: allow-source-builds = true and an engine that can run commands"
        )
        raise BuildFailedError(
            f"the requirements in {parameters['lock']} could not be installed for {platform}",
            details=error.details,
            hint="not all are in the cache: build once without --offline"
            if request.offline
            else hint,
        ) from error
    tidy(folder)
    if parameters.get("bytecode"):
        from imgforge.engines import bytecode

        bytecode.compile_tree(request, parameters["python"], folder, parameters["bytecode"], folder)


def tidy(folder: Path) -> None:
    """Leave out what depends on the machine that installed: scripts, caches and uv's own lock.

    Scripts name the interpreter they were installed with; ``python3 -m`` starts the same program.
    """
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for compiled in list(folder.rglob("__pycache__")):
        shutil.rmtree(compiled)
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_bytes().splitlines(keepends=True)
        kept = [n for n in lines if not re.match(rb'"?(\.\./)*bin/', n) and b"__pycache__" not in n]
        record.unlink()  # uv may have hard-linked it to its cache
        record.write_bytes(b"".join(kept))
