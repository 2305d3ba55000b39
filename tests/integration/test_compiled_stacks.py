"""Go and Rust from private indexes: by the lock, with credentials, leaving none of them behind."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import guardedindex
import pytest
from guardedindex import GuardedIndex
from running import docker, imgforge

WORD = "made-up-word-of-this-test"
"""The password and the token."""

SPEC = """\
[image]
name = "{name}"

[stack]
name = "{stack}"

[stack.parameters]
binary = "greet"

[app]
source = [{source}]
lock = "{lock}"

[[build.secrets]]
id = "{secret}"
step = "dependencies"
"""


def build(folder: Path, env: Mapping[str, str], *flags: str, code: int = 0) -> str:
    """Build a project with BuildKit; return what was said on stderr."""
    arguments = ("build", "--engine", "buildkit", "--load", "--format", "json", *flags)
    return imgforge(*arguments, cwd=folder, env=env, code=code).stderr


def named(stack: str, index: GuardedIndex) -> str:
    """Return an image's name of this session's own, so that no earlier one kept anything for it."""
    return f"test/{stack}-{index.address.rpartition(':')[2]}"


def ran(name: str) -> str:
    """Return what an image says, run as one would in earnest; it is removed from the engine."""
    flags = ("--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    said = docker("run", *flags, name)
    docker("image", "rm", "--force", name)
    return said.stdout


def purls(folder: Path) -> set[str]:
    """Return the package URLs in the SBOM, without qualifiers."""
    text = (folder / ".imgforge" / "evidence" / "sbom.cdx.json").read_text(encoding="utf-8")
    found = json.loads(text)["components"]
    return {c["purl"].partition("?")[0] for c in found if "purl" in c}


def assert_tells_nothing(folder: Path, word: str) -> None:
    """Demand that neither evidence nor any blob, packed or not, has ``word``."""
    for path in (folder / ".imgforge").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            data += gzip.decompress(data) if data.startswith(b"\x1f\x8b") else b""
            assert word.encode() not in data, path


# Go.

MODULE = "example.com/private/greeting"
VERSION = "v1.2.0"
GO_MOD = f"module {MODULE}\n\ngo 1.24\n"
GREETING = """\
package greeting

func For(name string) string { return "good day, " + name }
"""
MAIN_GO = f"""\
package main

import (
	"fmt"

	"{MODULE}"
)

func main() {{ fmt.Println(greeting.For("world")) }}
"""


def h1(files: Mapping[str, bytes]) -> str:
    """Return Go's hash of files (golang.org/x/mod/sumdb/dirhash, Hash1)."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    total = hashlib.sha256("".join(sorted(lines, key=lambda x: x[66:])).encode())
    return "h1:" + base64.b64encode(total.digest()).decode()


def served_module() -> tuple[dict[str, bytes], str]:
    """Return what a module proxy serves (go.dev/ref/mod, GOPROXY protocol), and the go.sum."""
    prefix = f"{MODULE}@{VERSION}/"
    files = {prefix + "go.mod": GO_MOD.encode(), prefix + "greeting.go": GREETING.encode()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    at = f"/{MODULE}/@v/{VERSION}"
    info = json.dumps({"Version": VERSION, "Time": "2026-01-01T00:00:00Z"})
    served = {
        f"{at}.info": info.encode(),
        f"{at}.mod": GO_MOD.encode(),
        f"{at}.zip": packed.getvalue(),
    }
    sums = f"{MODULE} {VERSION} {h1(files)}\n{MODULE} {VERSION}/go.mod "
    return served, sums + h1({"go.mod": GO_MOD.encode()}) + "\n"


@pytest.fixture(scope="module")
def proxy(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedIndex]:  # noqa: ARG001
    credential = "Basic " + base64.b64encode(f"ci:{WORD}".encode()).decode()
    with guardedindex.started(tmp_path_factory.mktemp("proxy"), credential) as index:
        index.files, _ = served_module()
        yield index


@pytest.fixture(scope="module")
def go_env(proxy: GuardedIndex) -> dict[str, str]:
    return {
        "GOPROXY": proxy.url,
        "GONOSUMDB": "example.com/private",
        "SSL_CERT_FILE": str(proxy.bundle),
    }


@pytest.fixture(scope="module")
def go_project(tmp_path_factory: pytest.TempPathFactory, proxy: GuardedIndex) -> Path:
    folder = tmp_path_factory.mktemp("go")
    spec = SPEC.format(
        name=named("go", proxy),
        stack="go",
        source='"go.mod", "main.go"',
        lock="go.sum",
        secret="netrc",
    )
    (folder / "imgforge.toml").write_text(spec, encoding="utf-8")
    required = f"\nrequire {MODULE} {VERSION}\n"
    (folder / "go.mod").write_text(f"module example.com/greet\n\ngo 1.24\n{required}")
    (folder / "go.sum").write_text(served_module()[1])
    (folder / "main.go").write_text(MAIN_GO)
    # Go 1.24 looks for the host as the address names it, with its port.
    (folder / "netrc").write_text(f"machine {proxy.address} login ci password {WORD}\n")
    imgforge("lock", cwd=folder)
    return folder


def test_go_modules_come_from_a_private_proxy_and_are_listed(
    go_project: Path, go_env: dict[str, str], proxy: GuardedIndex
) -> None:
    build(go_project, go_env, "--secret", "id=netrc,src=netrc")
    assert ran(named("go", proxy)) == "good day, world\n"
    assert f"/{MODULE}/@v/{VERSION}.zip" in proxy.served
    assert f"pkg:golang/{MODULE}@{VERSION}" in purls(go_project)
    assert_tells_nothing(go_project, WORD)


@pytest.mark.parametrize("wrong", ["missing", "another hash"])
def test_a_go_sum_that_does_not_fit_fails_with_what_mends_it(
    go_project: Path, go_env: dict[str, str], tmp_path: Path, wrong: str
) -> None:
    folder = tmp_path / "go"
    shutil.copytree(go_project, folder, ignore=shutil.ignore_patterns(".imgforge"))
    sums = (folder / "go.sum").read_text()
    if wrong == "missing":
        sums = sums.splitlines()[1] + "\n"
    else:
        sums = sums.replace(sums[sums.index("h1:") + 3 :][:4], "AAAA", 1)
    (folder / "go.sum").write_text(sums)
    said = build(folder, go_env, "--secret", "id=netrc,src=netrc", code=4)
    assert "go mod tidy" in said
    assert WORD not in said


# Rust.

LIBRARY = 'pub fn for_name(name: &str) -> String { format!("good day, {name}") }\n'
MAIN_RS = 'fn main() { println!("{}", greeting::for_name("world")); }\n'


def crate() -> bytes:
    manifest = '[package]\nname = "greeting"\nversion = "1.2.0"\nedition = "2021"\n'
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("Cargo.toml", manifest), ("src/lib.rs", LIBRARY)):
            member = tarfile.TarInfo(f"greeting-1.2.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.fixture(scope="module")
def rust_registry(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedIndex]:  # noqa: ARG001
    """Return a sparse registry (doc.rust-lang.org/cargo/reference/registry-index.html)."""
    with guardedindex.started(tmp_path_factory.mktemp("registry"), WORD) as index:
        data = crate()
        row = {
            "name": "greeting",
            "vers": "1.2.0",
            "deps": [],
            "features": {},
            "yanked": False,
            "cksum": hashlib.sha256(data).hexdigest(),
        }
        about = {"dl": f"{index.url}/crates", "auth-required": True}
        index.files = {
            "/index/config.json": json.dumps(about).encode(),
            "/index/gr/ee/greeting": json.dumps(row).encode() + b"\n",
            "/crates/greeting/1.2.0/download": data,
        }
        yield index


@pytest.fixture(scope="module")
def rust_project(tmp_path_factory: pytest.TempPathFactory, rust_registry: GuardedIndex) -> Path:
    folder = tmp_path_factory.mktemp("rust")
    spec = SPEC.format(
        name=named("rust", rust_registry),
        stack="rust",
        source='"Cargo.toml", "Cargo.lock", ".cargo", "src"',
        lock="Cargo.lock",
        secret="cargo-credentials",
    )
    (folder / "imgforge.toml").write_text(spec, encoding="utf-8")
    (folder / "src").mkdir()
    (folder / ".cargo").mkdir()
    source = f"sparse+{rust_registry.url}/index/"
    (folder / ".cargo" / "config.toml").write_text(f'[registries.acme]\nindex = "{source}"\n')
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "greet"\nversion = "0.1.0"\nedition = "2021"\n\n'
        '[dependencies]\ngreeting = { version = "1.2", registry = "acme" }\n'
    )
    checksum = hashlib.sha256(rust_registry.files["/crates/greeting/1.2.0/download"]).hexdigest()
    (folder / "Cargo.lock").write_text(
        'version = 4\n\n[[package]]\nname = "greet"\nversion = "0.1.0"\n'
        'dependencies = [\n "greeting",\n]\n\n[[package]]\nname = "greeting"\n'
        f'version = "1.2.0"\nsource = "{source}"\nchecksum = "{checksum}"\n'
    )
    (folder / "src" / "main.rs").write_text(MAIN_RS)
    (folder / "credentials.toml").write_text(f'[registries.acme]\ntoken = "{WORD}"\n')
    imgforge("lock", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def rust_env(rust_registry: GuardedIndex) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(rust_registry.bundle)}


SECRET = ("--secret", "id=cargo-credentials,src=credentials.toml")


def test_crates_come_from_a_private_registry_and_are_listed(
    rust_project: Path, rust_env: dict[str, str], rust_registry: GuardedIndex
) -> None:
    build(rust_project, rust_env, *SECRET)
    assert ran(named("rust", rust_registry)) == "good day, world\n"
    assert "/crates/greeting/1.2.0/download" in rust_registry.served
    assert {"pkg:cargo/greeting@1.2.0", "pkg:cargo/greet@0.1.0"} <= purls(rust_project)
    assert_tells_nothing(rust_project, WORD)


def test_a_mirror_stands_in_for_crates_io(
    rust_project: Path, rust_env: dict[str, str], rust_registry: GuardedIndex, tmp_path: Path
) -> None:
    folder = tmp_path / "rust"
    shutil.copytree(rust_project, folder, ignore=shutil.ignore_patterns(".imgforge"))
    config = folder / ".cargo" / "config.toml"
    source = f"sparse+{rust_registry.url}/index/"
    replaced = '[source.crates-io]\nreplace-with = "acme"\n'
    config.write_text(f'{config.read_text()}{replaced}[source.acme]\nregistry = "{source}"\n')
    for name, old, new in (
        ("Cargo.toml", ', registry = "acme"', ""),
        ("Cargo.lock", source, "registry+https://github.com/rust-lang/crates.io-index"),
    ):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
    build(folder, rust_env, *SECRET)
    assert ran(named("rust", rust_registry)) == "good day, world\n"


def test_rust_sources_that_grew_older_are_compiled_all_the_same(
    rust_project: Path, rust_env: dict[str, str], rust_registry: GuardedIndex
) -> None:
    """Cargo alone would take the program compiled last for the newer one."""
    main = rust_project / "src" / "main.rs"
    main.write_text(MAIN_RS.replace("world", "moon"))
    os.utime(main, (1_000_000_000, 1_000_000_000))
    try:
        build(rust_project, rust_env, *SECRET)
    finally:
        main.write_text(MAIN_RS)
    assert ran(named("rust", rust_registry)) == "good day, moon\n"


def test_a_stale_cargo_lock_fails_with_what_mends_it(
    rust_project: Path, rust_env: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "rust"
    shutil.copytree(rust_project, folder, ignore=shutil.ignore_patterns(".imgforge"))
    manifest = folder / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace('"1.2"', '"1.3"'))
    said = build(folder, rust_env, *SECRET, code=4)
    assert "cargo generate-lockfile" in said
    assert WORD not in said
