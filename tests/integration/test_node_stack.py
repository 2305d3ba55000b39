"""Node.js packages from a private registry: by the lock, with a token that is left nowhere."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import guardedindex
import pytest
from guardedindex import GuardedIndex
from running import docker, imgforge

WORD = "made-up-word-of-this-test"
"""The token."""

LOCKS = {"npm": "package-lock.json", "pnpm": "pnpm-lock.yaml", "yarn": "yarn.lock"}
MENDS = {"npm": "npm install --package-lock-only", "pnpm": "pnpm install", "yarn": "yarn install"}
SPEC = """\
[image]
name = "test/{name}"
version = "1.0.0"
licenses = "MIT"

[stack]
name = "node"
version = "24"

[stack.parameters]
{parameters}

[app]
source = ["package.json", {source}]
lock = "{lock}"
entrypoint = ["/nodejs/bin/node", "/app/{main}"]

[[build.secrets]]
id = "npm-token"
step = "dependencies"
"""
GREET = """\
const { existsSync } = require("node:fs");
exports.greet = (name) => `good day, ${name}`;
exports.prepared = existsSync(`${__dirname}/prepared.js`);
"""
MAIN = """\
const { greet, prepared } = require("greet");
console.log(greet("Ada"), prepared);
"""


def packed(manifest: Mapping[str, object], **files: str) -> bytes:
    """Return a package as npm publishes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in {"package.json": json.dumps(manifest), **files}.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0)


MANIFEST = {
    "name": "greet",
    "version": "1.0.0",
    "license": "MIT",
    "scripts": {"install": "node -e \"require('fs').writeFileSync('prepared.js', '')\""},
}
TARBALL = packed(MANIFEST, **{"index.js": GREET})
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()


@pytest.fixture(scope="module")
def registry(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedIndex]:  # noqa: ARG001
    """Serve one package to whoever has the token."""
    with guardedindex.started(tmp_path_factory.mktemp("npm"), f"Bearer {WORD}") as index:
        path = "/greet/-/greet-1.0.0.tgz"
        dist = {"tarball": index.url + path, "integrity": INTEGRITY}
        version = {**MANIFEST, "dist": dist, "hasInstallScript": True}
        about = {"name": "greet", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        index.files = {"/greet": json.dumps(about).encode(), path: TARBALL}
        yield index


@pytest.fixture(scope="module")
def pins(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the imgforge.lock of every project here: their bases are the same."""
    folder = tmp_path_factory.mktemp("pins")
    (folder / "imgforge.toml").write_text(
        SPEC.format(name="pins", parameters="", source='"x"', lock=LOCKS["npm"], main="x"),
        encoding="utf-8",
    )
    imgforge("lock", cwd=folder)
    return (folder / "imgforge.lock").read_text(encoding="utf-8")


def lock(manager: str, url: str) -> str:
    """Return a lock of a project that needs ``greet`` alone."""
    if manager == "npm":
        greet = {"version": "1.0.0", "integrity": INTEGRITY, "hasInstallScript": True}
        root = {"name": "app", "version": "1.0.0", "dependencies": {"greet": "1.0.0"}}
        packages = {"": root, "node_modules/greet": greet}
        return json.dumps({"name": "app", "lockfileVersion": 3, "packages": packages})
    if manager == "pnpm":
        return (
            "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      greet:\n"
            "        specifier: 1.0.0\n        version: 1.0.0\n\npackages:\n\n  greet@1.0.0:\n"
            f"    resolution: {{integrity: {INTEGRITY}}}\n\nsnapshots:\n\n  greet@1.0.0: {{}}\n"
        )
    return (
        "# yarn lockfile v1\n\n\ngreet@1.0.0:\n"
        f'  version "1.0.0"\n  resolved "{url}/greet/-/greet-1.0.0.tgz"\n  integrity {INTEGRITY}\n'
    )


def project(
    folder: Path, manager: str, registry: GuardedIndex, pins: str, scripts: str = ""
) -> Path:
    """Write a project that needs ``greet``; return its folder."""
    manifest = {"name": "app", "version": "1.0.0", "dependencies": {"greet": "1.0.0"}}
    spec = SPEC.format(
        name=f"node-{manager}",
        parameters=f'scripts = ["{scripts}"]' if scripts else "",
        source='"main.js"',
        lock=LOCKS[manager],
        main="main.js",
    )
    return written(
        folder,
        {
            "imgforge.toml": spec,
            "imgforge.lock": pins,
            "package.json": json.dumps(manifest),
            "main.js": MAIN,
            ".npmrc": settings(registry) + "always-auth=true\n" * (manager == "yarn"),
            LOCKS[manager]: lock(manager, registry.url),
        },
    )


def settings(registry: GuardedIndex) -> str:
    """Return what a project's .npmrc says of the registry."""
    return f"registry={registry.url}/\n//{registry.address}/:_authToken=${{NPM_TOKEN}}\n"


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a project; return its folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def build(folder: Path, registry: GuardedIndex, code: int = 0) -> str:
    """Build with BuildKit, the token and the authority; return what was said on stderr."""
    return imgforge(
        *("build", "--engine", "buildkit", "--load", "--no-cache"),
        *("--secret", "id=npm-token,env=TOKEN_OF_THIS_TEST"),
        cwd=folder,
        env={"TOKEN_OF_THIS_TEST": WORD, "SSL_CERT_FILE": str(registry.bundle)},
        code=code,
    ).stderr


def shown(name: str) -> str:
    """Run an image confined; return what it printed."""
    flags = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    return docker("run", "--rm", "--network", "none", *flags, f"test/{name}").stdout.strip()


def assert_tells_nothing(folder: Path) -> None:
    """Demand that neither evidence nor any blob, packed or not, has the token."""
    for path in (folder / ".imgforge").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            data += gzip.decompress(data) if data.startswith(b"\x1f\x8b") else b""
            assert WORD.encode() not in data, path


@pytest.mark.parametrize(
    ("manager", "scripts"),
    [("npm", ""), ("npm", "greet"), ("pnpm", "greet"), ("yarn", "")],
)
def test_installs_with_a_token_and_runs_only_the_scripts_that_are_named(
    registry: GuardedIndex, pins: str, tmp_path: Path, manager: str, scripts: str
) -> None:
    folder = project(tmp_path, manager, registry, pins, scripts)
    registry.served.clear()
    said = build(folder, registry)
    assert "0 findings" in said
    assert WORD not in said
    assert "/greet/-/greet-1.0.0.tgz" in registry.served
    assert_tells_nothing(folder)
    assert shown(f"node-{manager}") == f"good day, Ada {'true' if scripts else 'false'}"
    packages = json.loads((folder / ".imgforge/evidence/sbom.cdx.json").read_text())["components"]
    (greet,) = (p for p in packages if p["name"] == "greet")
    assert greet["purl"] == "pkg:npm/greet@1.0.0"
    declared = [p["value"] for p in greet["properties"] if p["name"] == "imgforge:declared"]
    assert declared[0].partition(":")[0] == LOCKS[manager]


@pytest.mark.parametrize("manager", LOCKS)
def test_a_stale_lock_fails_with_what_mends_it(
    registry: GuardedIndex, pins: str, tmp_path: Path, manager: str
) -> None:
    folder = project(tmp_path, manager, registry, pins)
    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace('"greet": "1.0.0"', '"greet": "^1.0.1"'))
    said = build(folder, registry, code=4)
    assert f"if it is the lock that is stale: {MENDS[manager]}" in said


def test_a_workspace_gets_what_it_needs_and_its_neighbours(
    registry: GuardedIndex, pins: str, tmp_path: Path
) -> None:
    api = {"name": "api", "version": "1.0.0", "dependencies": {"greet": "1.0.0", "words": "*"}}
    web = {"name": "web", "version": "1.0.0", "dependencies": {"nowhere": "1.0.0"}}
    words = {"name": "words", "version": "1.0.0", "main": "words.js"}
    root = {"name": "all", "version": "1.0.0", "private": True, "workspaces": ["packages/*"]}
    folders = {"packages/api": api, "packages/web": web, "packages/words": words}
    packages = {
        "": root,
        **folders,
        "node_modules/api": {"resolved": "packages/api", "link": True},
        "node_modules/web": {"resolved": "packages/web", "link": True},
        "node_modules/words": {"resolved": "packages/words", "link": True},
        "node_modules/greet": {"version": "1.0.0", "integrity": INTEGRITY},
        "node_modules/nowhere": {"version": "1.0.0", "integrity": INTEGRITY},
    }
    manifests = [f"{folder}/package.json" for folder in folders]
    folder = written(
        tmp_path,
        {
            "imgforge.toml": SPEC.format(
                name="node-workspace",
                parameters=f'workspace = "packages/api"\nmanifests = {json.dumps(manifests)}',
                source='"packages/web/package.json", "packages/api", "packages/words"',
                lock="package-lock.json",
                main="packages/api/main.js",
            ),
            "imgforge.lock": pins,
            "package.json": json.dumps(root),
            "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": packages}),
            ".npmrc": settings(registry),
            **{f"{name}/package.json": json.dumps(said) for name, said in folders.items()},
            "packages/words/words.js": 'exports.name = "Grace";\n',
            "packages/api/main.js": 'console.log(require("greet").greet(require("words").name));\n',
        },
    )
    assert "0 findings" in build(folder, registry)
    assert shown("node-workspace") == "good day, Grace"
