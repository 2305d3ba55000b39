"""Every base does its work in a container: read-only, without capabilities, as nobody special."""

from __future__ import annotations

import json
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import docker

from imgforge import bases
from imgforge.engines import docker as engines
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")
PROGRAMS = Path(__file__).parent / "programs"
CONFINED = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
    "--tmpfs=/tmp:exec,mode=1777",
)
SPECIAL = ["Grüße-日本.txt"]

Load = Callable[[str], str]


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def load(engine: str) -> Iterator[Load]:  # noqa: ARG001 - images are loaded into it
    """Return a function that makes a base, loads it and returns the image's name."""
    names: dict[str, str] = {}

    def loaded(name: str) -> str:
        if name not in names:
            base = bases.resolve(name, (AMD64,), say=quiet)
            layout = Layout.open(bases.ensure(base, say=quiet))
            (top,) = layout.index()
            image = next(i for i in layout.images(top) if i.platform == AMD64)
            tag = f"imgforge-test/{name}:base"
            engines.load(layout, image, [tag])
            names[name] = tag
        return names[name]

    yield loaded
    for tag in names.values():
        docker("image", "rm", "--force", tag)


def ran(image: str, *command: str, flags: tuple[str, ...] = (), entrypoint: str = "") -> str:
    """Run a confined container; return what it printed."""
    mount = f"--volume={PROGRAMS}:/programs:ro"
    entry = (f"--entrypoint={entrypoint}",) if entrypoint else ()
    return docker("run", "--rm", *CONFINED, mount, *flags, *entry, image, *command).stdout


def told(
    image: str, *command: str, flags: tuple[str, ...] = (), entrypoint: str = ""
) -> dict[str, Any]:
    """Run a program that prints a JSON object; return it."""
    value = json.loads(ran(image, *command, flags=flags, entrypoint=entrypoint))
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def authorities() -> int:
    """Return how many certificates the bundle of every trixie base has."""
    base = bases.resolve("static", (AMD64,), say=quiet)
    layout = Layout.open(bases.ensure(base, say=quiet))
    (top,) = layout.index()
    blob = layout.read_json(layout.images(top)[0])["layers"][0]["digest"]
    with tarfile.open(layout.blob_path(blob)) as tar:
        file = tar.extractfile("etc/ssl/certs/ca-certificates.crt")
        assert file is not None
        count = file.read().count(b"BEGIN CERTIFICATE")
    assert count > 100
    return count


@pytest.mark.parametrize("version", ["3.13", "3.11"])
def test_python(load: Load, version: str, authorities: int) -> None:
    found = told(load(f"python-{version}"), "/programs/probe.py")
    assert found["failed"] == {}
    # Debian keeps these apart, or they are another system's.
    assert set(found["missing"]) <= {"distutils", "ensurepip", "msilib", "venv"}
    assert found["imported"] > 200
    assert found["authorities"] > 100
    if version == "3.13":
        assert found["authorities"] == authorities
    assert found["libraries"][0] == "libc.so.6"
    assert all(found["libraries"])
    expected = {
        "version": version,
        "listed": SPECIAL,
        "encoding": "UTF-8",
        "offset": "2:00:00",
        "sqlite": 42,
        "service": 443,
        "bytecode": True,
        "user": "/home/nonroot",
    }
    assert {key: found[key] for key in expected} == expected
    builder = load(f"python-{version}-dev")
    flags = ("--tmpfs=/out:exec",)
    assert ran(builder, "uv", "--version", flags=flags).startswith("uv ")
    assert f"python {version}" in ran(builder, "python3", "-m", "pip", "--version", flags=flags)


@pytest.mark.parametrize("version", ["21", "17"])
def test_java(load: Load, version: str, authorities: int, tmp_path: Path) -> None:
    builder, runtime = load(f"java-{version}-dev"), load(f"java-{version}")
    tmp_path.chmod(0o777)
    out = (f"--volume={tmp_path}:/out",)
    ran(builder, "javac", "-d", "/out", "/programs/Probe.java", flags=out)
    modules = ("--add-modules", "java.base,java.logging", "--strip-java-debug-attributes")
    shape = ("--no-header-files", "--no-man-pages", "--output", "/out/jre")
    ran(builder, "jlink", *modules, *shape, flags=out)
    expected = {"version": version, "written": True, "encoding": "UTF-8", "names": "UTF-8"}
    expected |= {"offset": "+02:00", "user": "nonroot"}
    cc = load("cc" if version == "21" else "cc-bookworm")
    for image, java in ((runtime, "/usr/bin/java"), (cc, "/out/jre/bin/java")):
        found = told(image, "-cp", "/out", "Probe", flags=out, entrypoint=java)
        assert {key: found[key] for key in expected} == expected
    # The run-time of jlink's making has a store of its own.
    assert told(runtime, "-cp", "/out", "Probe", flags=out, entrypoint="/usr/bin/java")[
        "authorities"
    ] in {authorities, found["authorities"]}
    maven = ran(builder, "mvn", "--version", flags=("--tmpfs=/root",))
    assert "Apache Maven 3." in maven
    assert f"Java version: {version}." in maven


@pytest.mark.parametrize(
    ("name", "version"),
    [("node-22", "22"), ("node-24", "24"), ("nodejs", "20"), ("nodejs-bookworm", "18")],
)
def test_node(load: Load, name: str, version: str) -> None:
    found = told(load(name), "/programs/probe.js")
    assert found["authorities"] > 100
    assert found["bundle"] > 100
    expected = {"version": version, "failed": [], "listed": SPECIAL, "offset": "+02:00"}
    expected |= {"german": "1.234,5", "user": "nonroot"}
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("version", ["22", "24"])
def test_node_package_managers(load: Load, version: str) -> None:
    builder = load(f"node-{version}-dev")
    flags = ("--env=HOME=/tmp",)
    assert ran(builder, "npm", "--version", flags=flags).startswith("11.")
    assert ran(builder, "npx", "--version", flags=flags).startswith("11.")
    assert ran(builder, "pnpm", "--version", flags=flags).startswith("10.")
    assert ran(builder, "yarn", "--version", flags=flags).startswith("1.22.")


@pytest.mark.parametrize("version", ["3.3", "3.1"])
def test_ruby(load: Load, version: str) -> None:
    found = told(load(f"ruby-{version}"), "/programs/probe.rb")
    assert found["authorities"] > 100
    expected = {"version": version, "failed": [], "listed": SPECIAL, "encoding": "UTF-8"}
    expected |= {"offset": "+02:00", "user": "nonroot"}
    assert {key: found[key] for key in expected} == expected
    builder = load(f"ruby-{version}-dev")
    flags = ("--env=HOME=/tmp",)
    assert "Bundler version" in ran(builder, "bundle", "--version", flags=flags)
    assert ran(builder, "gem", "--version", flags=flags).strip()
    # A gem with an extension in C needs all of this.
    make = "require 'mkmf'; exit have_header('ruby.h') && have_func('rb_str_new')"
    ran(builder, "sh", "-c", f'cd /tmp && ruby -e "{make}"', flags=flags)


@pytest.mark.parametrize("version", ["8.4", "8.2"])
def test_php(load: Load, version: str) -> None:
    image = load(f"php-{version}")
    found = told(image, "/programs/probe.php")
    assert found["authorities"] > 100
    expected = {"version": version, "failed": [], "listed": SPECIAL, "offset": "+02:00"}
    expected |= {"ini": f"/etc/php/{version}/cli/php.ini", "upper": "GRÜSSE"}
    assert {key: found[key] for key in expected} == expected
    fpm = docker("run", "--rm", *CONFINED, "--entrypoint=/usr/sbin/php-fpm", image, "-t").stderr
    assert "test is successful" in fpm
    composer = ran(load(f"php-{version}-dev"), "composer", "--version", flags=("--env=HOME=/tmp",))
    assert composer.startswith("Composer")


@pytest.mark.parametrize("suite", ["", "-bookworm"])
def test_cc(load: Load, suite: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    out = (f"--volume={tmp_path}:/out",)
    compile_ = ("c++", "-O1", "-pthread", "-fopenmp", "/programs/probe.cc", "-o", "/out/probe")
    ran(load(f"cc-dev{suite}"), *compile_, flags=out)
    assert told(load(f"cc{suite}"), flags=out, entrypoint="/out/probe") == {
        "sum": 42,
        "locale": "C.UTF-8",
        "offset": "+0200",
        "user": "nonroot",
        "service": 443,
        "written": 1,
    }


def test_go(load: Load, authorities: int, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    flags = (f"--volume={tmp_path}:/out", "--env=GOCACHE=/tmp/go", "--env=GOPATH=/tmp/path")
    builder = load("go-dev")
    ran(builder, "go", "build", "-o", "/out/probe", "/programs/probe.go", flags=flags)
    assert ran(builder, "git", "--version").startswith("git version 2.")
    found = told(load("static"), flags=flags[:1], entrypoint="/out/probe")
    assert found == {"authorities": authorities, "offset": "+02:00", "user": "nonroot"}


def test_rust(load: Load, authorities: int, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    out = (f"--volume={tmp_path}:/out", "--env=HOME=/tmp")
    builder = load("rust-dev")
    ran(builder, "rustc", "-O", "/programs/probe.rs", "-o", "/out/probe", flags=out)
    assert ran(builder, "cargo", "--version", flags=out).startswith("cargo 1.")
    found = told(load("cc"), flags=out[:1], entrypoint="/out/probe")
    assert found == {"sum": 36, "authorities": authorities}


@pytest.mark.parametrize("suite", ["", "-bookworm"])
def test_slim(load: Load, suite: str) -> None:
    assert told(load(f"slim{suite}"), "/bin/sh", "/programs/probe.sh") == {
        "first": "y",
        "second": 3,
        "third": 1,
        "offset": "+02:00",
        "user": "nonroot",
    }


@pytest.mark.parametrize("suite", ["", "-bookworm"])
def test_nginx(load: Load, suite: str, tmp_path: Path) -> None:
    image = load(f"nginx{suite}")
    tmp_path.chmod(0o755)
    (tmp_path / "index.html").write_text("<p>hello</p>")
    (tmp_path / ".hidden").write_text("no")
    confined = tuple(flag for flag in CONFINED if not flag.startswith("--network"))
    site = f"--volume={tmp_path}:/usr/share/nginx/html:ro"
    name = docker("run", "--detach", *confined, "--publish=127.0.0.1::8080", site, image).stdout
    name = name.strip()
    try:
        port = docker("port", name, "8080").stdout.splitlines()[0].rpartition(":")[2]
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    body, headers = answer.read(), answer.headers
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail(docker("logs", name).stderr)
        assert body == b"<p>hello</p>"
        assert headers["Server"] == "nginx"
        assert "ETag" not in headers
        assert "Last-Modified" not in headers
        with pytest.raises(OSError, match="403"):
            urllib.request.urlopen(f"{url}/.hidden", timeout=5)  # noqa: S310 - loopback
        docker("stop", "--timeout=10", name)
        state = json.loads(docker("inspect", "--format={{json .State}}", name).stdout)
        assert state["ExitCode"] == 0
    finally:
        docker("rm", "--force", name)
