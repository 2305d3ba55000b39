"""buildah, the engine without a daemon: its images are BuildKit's, its steps are kept apart."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import guardedindex
import pytest
from guardedindex import GuardedIndex
from running import EXAMPLE_NAMES, EXAMPLES, ROOT, Example, imgforge, run, tool

from imgforge import cache, engines
from imgforge import project as projects
from imgforge.engines import containers

SPEC = """\
[image]
name = "acme/apart"

[stack]
name = "python"

[app]
source = ["web"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "web"]
"""
WORD = "p@ss-word of the index"


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    """Demand what buildah needs; nothing here is skipped."""
    for name in ("buildah", "runc", "newuidmap"):
        tool(name)


def write(folder: Path, requirements: str, more: str = "") -> Path:
    (folder / "web").mkdir(parents=True)
    (folder / "web/__main__.py").write_text("print('hello')\n")
    (folder / "requirements.txt").write_text(requirements)
    (folder / "imgforge.toml").write_text(SPEC + more)
    imgforge("lock", cwd=folder)
    return folder


def locked() -> str:
    text = (Path(__file__).parent / "parity-requirements.txt").read_text()
    return text[: text.index("markupsafe")]  # one small wheel will do


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_every_example_is_what_buildkit_makes_of_it(
    name: str, built: Callable[[str, str], Example]
) -> None:
    plan = projects.load(EXAMPLES / name).plan()
    able = [engine for engine in ("buildkit", "buildah") if not engines.load(engine).unable(plan)]
    assert able == ["buildkit", "buildah"]
    assert len({built(name, engine).digest for engine in able}) == 1


def test_a_step_without_network_has_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ask = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        command = [sys.executable, "-c", ask]
        run(*containers.keeping_apart(network=True), *command)
        run(*containers.keeping_apart(network=False), *command, code=1)
        names = "import socket; print([n for _, n in socket.if_nameindex()], flush=True)"
        said = run(*containers.keeping_apart(network=False), sys.executable, "-c", names)
        assert "eth" not in said.stderr
        assert "lo" in said.stderr


def wheel() -> tuple[str, bytes]:
    """Make a wheel that exists nowhere else."""
    name = "acme_private_thing-1.0"
    meta = "Metadata-Version: 2.1\nName: acme-private-thing\nVersion: 1.0\n"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        "acme_private_thing.py": "X = 1\n",
        f"{name}.dist-info/METADATA": meta,
        f"{name}.dist-info/WHEEL": tag,
        f"{name}.dist-info/RECORD": "",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return f"{name}-py3-none-any.whl", out.getvalue()


@pytest.fixture(scope="module")
def index(
    engine: str,  # noqa: ARG001 - its bridge is where steps reach the index
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[GuardedIndex]:
    """Serve one wheel over TLS of our own authority, to who logs in."""
    login = base64.b64encode(f"bot:{WORD}".encode()).decode()
    with guardedindex.started(tmp_path_factory.mktemp("index"), f"Basic {login}") as served:
        name, data = wheel()
        digest = hashlib.sha256(data).hexdigest()
        page = f'<html><body><a href="/files/{name}#sha256={digest}">{name}</a></body></html>'
        served.files["/simple/acme-private-thing/"] = page.encode()
        served.files[f"/files/{name}"] = data
        yield served


@pytest.mark.parametrize("engine_name", ["buildah", "buildkit", "native"])
def test_a_private_index_is_reached_and_its_password_is_nowhere(
    index: GuardedIndex, tmp_path: Path, engine_name: str
) -> None:
    digest = hashlib.sha256(wheel()[1]).hexdigest()
    lock = f"acme-private-thing==1.0 --hash=sha256:{digest}\n"
    project = write(tmp_path / "project", lock)
    authority = index.bundle.parent / "ca.pem"
    config = tmp_path / "config.toml"
    config.write_text(
        f'[network]\nca = "{authority}"\n[indexes.pip]\nurl = "{index.url}/simple"\n'
        'credentials = "env:INDEX_LOGIN"\n'
    )
    index.served.clear()
    done = imgforge(
        *("build", "--engine", engine_name, "--no-cache", "-v"),
        cwd=project,
        env={"IMGFORGE_CONFIG": str(config), "INDEX_LOGIN": f"bot:{WORD}"},
    )
    assert "/simple/acme-private-thing/" in index.served
    coded = base64.b64encode(f"bot:{WORD}".encode()).decode()
    for word in (WORD, WORD.replace("@", "%40").replace(" ", "%20"), coded):
        assert word not in done.stderr + done.stdout
        storage = cache.directory("buildah") / "projects"
        for top in (project, storage):
            for path in (p for p in top.rglob("*") if p.is_file()):
                assert word.encode() not in path.read_bytes(), path


def test_an_unchanged_stage_is_not_built_again(tmp_path: Path) -> None:
    project = write(tmp_path / "project", locked())
    said = [
        imgforge("build", "--engine", "buildah", "-v", cwd=project, env=env).stderr
        for env in ({}, {"SOURCE_DATE_EPOCH": "1700000000"})
    ]
    assert "Using cache" in said[1]
    (project / "requirements.txt").write_text(locked() + "# changed\n")
    third = imgforge("build", "--engine", "buildah", "-v", cwd=project).stderr
    assert third.count("Using cache") < said[1].count("Using cache")


def test_a_stage_that_fails_says_why(tmp_path: Path) -> None:
    project = write(tmp_path / "project", "idna==3.10 --hash=sha256:" + "0" * 64 + "\n")
    done = imgforge("build", "--engine", "buildah", cwd=project, code=4)
    assert "stage dependencies:" in done.stderr
    assert "ash" in done.stderr
    assert "Traceback" not in done.stderr


def processes(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_build_leaves_no_process_and_no_mount(
    tmp_path: Path, how: signal.Signals
) -> None:
    marker = f"31{os.getpid() % 10000 + 10000}{how:02}"
    step = (
        f'\n[[build.steps]]\nname = "wait"\nstage = "dependencies"\nrun = ["sleep", "{marker}"]\n'
    )
    project = write(tmp_path / "project", locked(), step)
    command = Path(sys.executable).with_name("imgforge")
    child = subprocess.Popen(
        [command, "build", "--engine", "buildah"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not processes(f"sleep\0{marker}"):
        assert child.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    child.send_signal(how)
    child.wait(60)
    end = time.monotonic() + 30
    while processes(f"sleep\0{marker}"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert str(cache.directory("buildah")) not in Path("/proc/self/mountinfo").read_text()
    (project / "imgforge.toml").write_text(SPEC)
    imgforge("build", "--engine", "buildah", cwd=project)
    assert not list(cache.directory("buildah").glob("tmp/buildah[0-9]*"))


USER = "imgforge-rootless"
AS_USER = """\
set -eu
way=$1
shift
# Folders of root's that the user cannot look into: show the way to these two, and nothing else.
number=0
for folder in "$CHECKOUT" "$PYTHON"; do
  number=$((number + 1))
  mkdir -p "$way/$number"
  mount --bind "$folder" "$way/$number"
done
number=0
for folder in "$CHECKOUT" "$PYTHON"; do
  number=$((number + 1))
  runuser -u "$AS" -- test -x "$folder" && continue
  top=/$(printf %s "$folder" | cut -d / -f 2)
  [ -e "$top/.shown" ] || { mount -t tmpfs -o mode=755 none "$top"; touch "$top/.shown"; }
  mkdir -p "$folder"
  mount --bind "$way/$number" "$folder"
done
exec runuser -u "$AS" -- "$@"
"""


@pytest.fixture
def user() -> Iterator[str]:
    """Make an ordinary user with subordinate identities; remove the user afterwards."""
    run(tool("useradd"), "--create-home", USER)
    try:
        yield USER
    finally:
        run(tool("userdel"), "--remove", USER, code=None)


def test_an_ordinary_user_makes_the_same_image(
    user: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = Path(f"/home/{user}")
    project = write(home / "project", locked())
    ours = imgforge("build", "--engine", "buildah", cwd=project).stdout.strip()
    shutil.rmtree(project / ".imgforge")
    lock = projects.load(project).read_lock()
    for base in (lock.runtime, lock.builder):
        assert base is not None
        name = base.digest.removeprefix("sha256:")
        shutil.copytree(cache.directory("bases") / name, home / "cache/bases" / name)
    run("chown", "-R", f"{user}:", home)
    (home / "cache").chmod(0o700)
    way = tmp_path_factory.mktemp("way")
    done = run(
        *("unshare", "--mount", "sh", "-c", AS_USER, "sh", way),
        *("env", "-C", project, f"IMGFORGE_CACHE={home}/cache", f"HOME={home}"),
        *(f"TMPDIR={home}", "XDG_RUNTIME_DIR="),
        *(Path(sys.executable).with_name("imgforge"), "build", "--engine", "buildah"),
        env={"AS": user, "CHECKOUT": str(ROOT), "PYTHON": sys.base_prefix},
    )
    assert done.stdout.strip() == ours
