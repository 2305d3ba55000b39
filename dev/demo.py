"""``make demo``: build, prove, sign and verify an example on a bare machine, then run it.

Building takes no container engine. Running does: a working one is used; on Debian as root one of
our own is set up and stopped again; elsewhere the demo says how to run the image, and ends well.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "examples" / "python-web"
KEYS = ROOT / ".dev" / "demo"
IMGFORGE = Path(sys.executable).with_name("imgforge")
GONE = 6  # imgforge's exit code where a registry or package archive refused
FOUND = 10  # its exit code where findings reach the gate
PATIENCE = 30  # seconds for the container to answer
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def title(text: str) -> None:
    """Print what happens next."""
    print(f"\n\033[1m{text}\033[0m" if COLOUR else f"\n== {text}", flush=True)


def say(text: str) -> None:
    """Print a fact."""
    print(f"   {text}", flush=True)


def call(
    *argv: str | Path,
    env: dict[str, str] | None = None,
    quiet: bool = False,
    allowed: tuple[int, ...] = (0,),
) -> str:
    """Run a program, show its progress, return its stdout; SystemExit with its code if it fails."""
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode not in allowed:
        raise SystemExit(done.returncode or 1)
    return done.stdout.strip()


def works(*argv: str | Path) -> bool:
    """Tell whether a program is there and ends well."""
    try:
        call(*argv, quiet=True)
    except (OSError, SystemExit):
        return False
    return True


def key() -> tuple[Path, dict[str, str]]:
    """Return a throw-away private key, made at the first run, and what unlocks it."""
    private, password = KEYS / "demo.key", KEYS / "password"
    if not private.exists():
        KEYS.mkdir(parents=True, exist_ok=True, mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24), encoding="ascii")
        unlock = {"IMGFORGE_KEY_PASSWORD": password.read_text(encoding="ascii")}
        call(IMGFORGE, "key", "generate", KEYS / "demo", env=unlock, quiet=True)
    return private, {"IMGFORGE_KEY_PASSWORD": password.read_text(encoding="ascii")}


def lock() -> None:
    """Pin the bases to what the archive has today."""
    call(IMGFORGE, "lock", PROJECT, "--upgrade")


def build(private: Path, unlock: dict[str, str], *flags: str) -> dict[str, Any]:
    """Build the example without an engine; return the result as imgforge tells it."""
    if not (PROJECT / "imgforge.lock").exists():
        lock()
    argv: list[str | Path] = [IMGFORGE, "build", PROJECT, "--engine", "native"]
    argv += ["--key", private, "--format", "json", *flags]
    try:
        out = call(*argv, env=unlock)
    except SystemExit as error:
        if error.code != GONE:
            raise
        say("the lock names packages that the archive no longer has; locking anew")
        lock()
        out = call(*argv, env=unlock)
    result: dict[str, Any] = json.loads(out)
    return result


def show(result: dict[str, Any], public: Path) -> None:
    """Say what was proven, and have it verified with the public key alone."""
    output = Path(result["output"])
    evidence = output / "evidence"
    findings = json.loads((evidence / "findings.json").read_text())["findings"]
    count: dict[str, int] = {}
    for component in json.loads((evidence / "sbom.cdx.json").read_text())["components"]:
        kind = component.get("purl", "").removeprefix("pkg:").partition("/")[0]
        if kind:
            count[kind] = count.get(kind, 0) + 1
    blobs = sum(p.stat().st_size for p in (output / "image" / "blobs").rglob("*") if p.is_file())
    say(f"image      {result['reference']}")
    say(f"size       {blobs / 1e6:.1f} MB compressed, with its evidence")
    say(f"findings   {len(findings)}" + "".join(f"\n     {f}" for f in findings))
    say("SBOM       " + ", ".join(f"{n} {kind} packages" for kind, n in sorted(count.items())))
    answer = json.loads(
        call(IMGFORGE, "verify", "--key", public, output / "image", "--format", "json", quiet=True)
    )
    proven = answer["images"][0]["proven"]
    say(f"signed by  {proven[0]['signer']}")
    for each in proven:
        say(f"verified   {each['predicateType']}")


def made_up(component: dict[str, Any]) -> dict[str, Any]:
    """Return an advisory in OSV's format that hits a component: none is asked of a network."""
    return {
        "id": "DEMO-0001",
        "modified": "2026-01-01T00:00:00Z",
        "published": "2026-01-01T00:00:00Z",
        "summary": "Made up for the demo",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": component["name"]},
                "ranges": [
                    {
                        "type": "ECOSYSTEM",
                        "events": [
                            {"introduced": "0"},
                            {"fixed": component["version"] + ".post1"},
                        ],
                    }
                ],
            }
        ],
    }


def scan(result: dict[str, Any]) -> None:
    """Import a made-up advisory about one of the packages, and have the scan find it."""
    bill = json.loads((Path(result["output"]) / "evidence" / "sbom.cdx.json").read_text())
    found = next(c for c in bill["components"] if c.get("purl", "").startswith("pkg:pypi/"))
    advisory, database = KEYS / "DEMO-0001.json", KEYS / "advisories.sqlite"
    advisory.write_text(json.dumps(made_up(found)), encoding="ascii")
    call(IMGFORGE, "db", "import", "--db", database, "--source", "demo", advisory, quiet=True)
    told = call(
        *(IMGFORGE, "scan", PROJECT, "--db", database, "--format", "text"),
        allowed=(FOUND,),
        quiet=True,
    )
    for line in told.splitlines():
        say(line)
    say("exit code 10: it reaches the gate. Real advisories: docs/how-to/advisories.md")


@contextlib.contextmanager
def engine() -> Iterator[str | None]:
    """Give DOCKER_HOST of an engine (empty for the usual one), or None if there can be none."""
    if works("docker", "info"):
        yield os.environ.get("DOCKER_HOST", "")
        return
    ours = not works(ROOT / "dev" / "engine", "status")
    if not works(ROOT / "dev" / "engine", "start") and not (
        set_up() and works(ROOT / "dev" / "engine", "start")
    ):
        yield None
        return
    try:
        yield call(ROOT / "dev" / "engine", "env").removeprefix("DOCKER_HOST=")
    finally:
        if ours:
            call(ROOT / "dev" / "engine", "stop")


def set_up() -> bool:
    """Install an engine where that is ours to do."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return False
    say("no container engine is here; installing Docker Engine from Debian's archive")
    try:
        call(ROOT / "dev" / "tools", "engine")
    except SystemExit:
        return False
    return True


def command(expect: dict[str, Any], name: str, folder: Path) -> list[str]:
    """Return how the image is run: read-only, without capabilities, writing to /data alone."""
    out = ["docker", "run", "--detach", "--read-only", "--cap-drop", "ALL"]
    out += ["--security-opt", "no-new-privileges", "--tmpfs", "/tmp"]  # noqa: S108 - inside
    out += ["--mount", "type=volume,destination=/data", "--publish", "127.0.0.1::8080"]
    for variable, value in expect["env"].items():
        out += ["--env", f"{variable}={value}"]
    for secret in expect["secrets"]:
        source = folder / secret
        out += ["--mount", f"type=bind,source={source},destination=/run/secrets/{secret},readonly"]
    return [*out, name]


def ask(url: str, body: dict[str, str] | None = None) -> str:
    """Send a request over HTTP; return the answer's body."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - likewise
        return str(answer.read().decode())


def wait(url: str) -> float:
    """Ask until there is an answer; return the seconds that it took."""
    start = time.monotonic()
    while True:
        try:
            ask(url)
        except OSError:
            if time.monotonic() - start > PATIENCE:
                raise
            time.sleep(0.05)
        else:
            return time.monotonic() - start


def run(name: str) -> None:
    """Run the image confined, use it, stop it."""
    expect = tomllib.loads((PROJECT / "expect.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        # The container's user is another one: the folder may be passed, the file read.
        Path(folder).chmod(0o711)
        for secret in expect["secrets"]:
            (Path(folder) / secret).write_text(secrets.token_hex(32), encoding="ascii")
            (Path(folder) / secret).chmod(0o444)
        argv = command(expect, name, Path(folder))
        say(" ".join(argv).replace(folder, "."))
        container = call(*argv)
        try:
            port = call("docker", "port", container, "8080").splitlines()[0].rpartition(":")[2]
            base = f"http://127.0.0.1:{port}"
            say(f"GET /healthz    {timed(lambda: wait(base + '/healthz'))} after its start")
            say(f"                {ask(base + '/healthz')}")
            made = json.loads(ask(base + "/notes", {"title": "Demo", "text": "It *runs*."}))
            say(f"POST /notes     {made['url']}")
            page = ask(f"{base}/notes/{made['id']}")
            say(f"GET that note   {next(line for line in page.splitlines() if 'runs' in line)}")
            say(f"SIGTERM         stopped in {timed(lambda: call('docker', 'stop', container))}")
        finally:
            call("docker", "rm", "--force", "--volumes", container, quiet=True)


def timed(work: Callable[[], object]) -> str:
    """Do something; return how long it took."""
    start = time.monotonic()
    work()
    return f"{time.monotonic() - start:.2f} s"


def main() -> None:
    """Tell the whole story."""
    start = time.monotonic()
    private, unlock = key()

    title(f"imgforge build {PROJECT.relative_to(ROOT)}: no engine, no daemon, no registry")
    result: dict[str, Any] = {}
    say("took " + timed(lambda: result.update(build(private, unlock))))
    if not result["unchanged"]:
        say(f"and once more, unchanged: {timed(lambda: build(private, unlock))}")

    title("What was proven")
    show(result, private.with_suffix(".pub"))

    title("imgforge db import, imgforge scan: with an advisory that we made up")
    scan(result)

    title("imgforge build --load, and run it with nothing but what it declares")
    with engine() as host:
        if host is None:
            say("there is no container engine here, and installing one is not ours to do;")
            say("with one: imgforge build examples/python-web --load, then as its README says")
        else:
            if host:
                os.environ["DOCKER_HOST"] = host
            say("loaded in " + timed(lambda: build(private, unlock, "--load")))
            run(f"{result['name']}:{result['tags'][0]}")

    title(f"Done in {time.monotonic() - start:.0f} s. Look around: {result['output']}/evidence")


if __name__ == "__main__":
    main()
