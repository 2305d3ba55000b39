"""Trees that package managers made, as we, syft and Trivy list them; every difference is named."""

from __future__ import annotations

import fnmatch
import io
import json
import os
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import madeimage as made
import pytest
from running import run, tool

from imgforge.analysis import ImageFacts, analyse
from imgforge.analysis.facts import Package
from imgforge.analysis.installed import unowned
from imgforge.oci.layout import Layout

# What Trivy needs to work with neither a vulnerability database nor a network.
TRIVY = ("--quiet", "--skip-db-update", "--skip-java-db-update", "--offline-scan")
MANIFEST = {
    "name": "demo",
    "version": "1.0.0",
    "dependencies": {
        "@babel/code-frame": "7.24.7",
        "alias": "npm:ms@2.1.3",
        "express": "4.19.2",
        "preact": "10.22.0",
        "resolve": "1.22.8",
        "rxjs": "7.8.1",
        "terser": "5.31.0",
    },
    "devDependencies": {"semver": "7.6.2"},
}
NO_PACKAGES = (
    # What tests of packages need, and nobody who runs them.
    "*/node_modules/resolve/test/*",
    # How to load a folder: npm has no such packages.
    "*/node_modules/preact/*/package.json",
    "*/node_modules/rxjs/*/package.json",
    "*/node_modules/terser/*/package.json",
)


class Catalogue(NamedTuple):
    """What is listed (``type/namespace/name`` and version), and in which files."""

    listed: dict[tuple[str, str], set[str]]

    def beyond(self, other: Catalogue, explained: Iterable[str] = ()) -> set[tuple[str, str]]:
        """Return what this lists and ``other`` does not, but what lies where it is explained."""
        return {
            key
            for key, paths in self.listed.items()
            if key not in other.listed
            and not all(any(fnmatch.fnmatch(p, e) for e in explained) for p in paths)
        }


def image(tree: Path, folder: Path) -> ImageFacts:
    """Make an image of the files below ``tree`` in ``/app``; its layout is ``folder``."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(tree, "app")
    layout = Layout.create(folder)
    descriptor = made.add(layout, [data.getvalue()])
    layout.write_index([descriptor])
    facts = analyse(layout, descriptor)
    assert [problem for layer in facts.layers for problem in layer.problems] == []
    return facts


def catalogue(rows: Iterable[tuple[str, Iterable[str]]], ecosystem: str) -> Catalogue:
    """Sort purls with their paths."""
    found: dict[tuple[str, str], set[str]] = {}
    for purl, paths in rows:
        whole, _, version = purl.removeprefix("pkg:").partition("?")[0].rpartition("@")
        if whole.startswith(f"{ecosystem}/"):
            # Trivy keeps the dots that the index does not tell from hyphens (PEP 503).
            name = whole.replace(".", "-") if ecosystem == "pypi" else whole
            key = (unquote(name).lower(), unquote(version).removeprefix("v"))
            found.setdefault(key, set()).update("/" + path.lstrip("/") for path in paths)
    return Catalogue(found)


def ours(facts: ImageFacts, ecosystem: str) -> Catalogue:
    return catalogue(((p.purl, p.paths) for p in facts.packages), ecosystem)


def syfts(layout: Path, ecosystem: str) -> Catalogue:
    said = json.loads(run(tool("syft"), "--quiet", "-o", "json", f"oci-dir:{layout}").stdout)
    rows = [(a["purl"], [p["path"] for p in a["locations"]]) for a in said["artifacts"]]
    return catalogue(rows, ecosystem)


def trivys(layout: Path, ecosystem: str) -> Catalogue:
    command = ("image", *TRIVY, "--format", "json", "--list-all-pkgs", "--scanners", "license")
    said = json.loads(run(tool("trivy"), *command, "--input", layout).stdout)
    rows: list[tuple[str, list[str]]] = [
        (package["Identifier"]["PURL"], [package.get("FilePath", result["Target"])])
        for result in said.get("Results", [])
        for package in result.get("Packages", [])
    ]
    return catalogue(rows, ecosystem)


def agreed(facts: ImageFacts, layout: Path, ecosystem: str, explained: Iterable[str] = ()) -> None:
    """See that nobody lists what we do not, but what is explained, and that we add nothing."""
    mine, syft, trivy = ours(facts, ecosystem), syfts(layout, ecosystem), trivys(layout, ecosystem)
    assert mine.listed
    assert syft.beyond(mine, explained) == set()
    assert trivy.beyond(mine, explained) == set()
    assert {k for k in mine.listed if k not in syft.listed and k not in trivy.listed} == set()


def project(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    folder.mkdir()
    for name, text in {"package.json": json.dumps(MANIFEST), **(files or {})}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def named(facts: ImageFacts, name: str) -> Package:
    (found,) = [package for package in facts.packages if package.name == name]
    return found


@pytest.fixture(scope="session")
def installers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install pnpm and both kinds of Yarn, with npm."""
    folder = tmp_path_factory.mktemp("installers")
    packages = ("pnpm@9.15.9", "yarn@1.22.22", "@yarnpkg/cli-dist@4.5.0")
    run(tool("npm"), "install", "--silent", "--no-audit", "--no-fund", *packages, cwd=folder)
    return folder / "node_modules"


def test_npm(tmp_path: Path) -> None:
    tree = project(tmp_path / "tree")
    quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
    run(tool("npm"), "install", *quiet, cwd=tree)
    (tree / "package-lock.json").unlink()  # a project's lock is another matter (imgforge.locks)
    facts = image(tree, tmp_path / "layout")
    agreed(facts, tmp_path / "layout", "npm", NO_PACKAGES)
    express = named(facts, "express")
    assert [value.partition(":")[0] for value in express.hashes] == ["sha512"]
    assert {"body-parser", "cookie"} <= set(express.depends)
    assert (express.licence, express.supplier) == ("MIT", "TJ Holowaychuk <tj@vision-media.ca>")
    assert [p.name for p in facts.packages if p.dev] == ["semver"]
    assert named(facts, "code-frame").namespace == "@babel"


def test_pnpm(installers: Path, tmp_path: Path) -> None:
    tree = project(tmp_path / "tree")
    command = ("node", installers / "pnpm/bin/pnpm.cjs", "install", "--ignore-scripts")
    run(*command, "--store-dir", tmp_path / "store", "--package-import-method", "copy", cwd=tree)
    (tree / "pnpm-lock.yaml").unlink()
    facts = image(tree, tmp_path / "layout")
    agreed(facts, tmp_path / "layout", "npm", NO_PACKAGES)
    assert all(p.hashes for p in facts.packages if p.name != "demo")
    assert [p.name for p in facts.packages if p.dev] == ["semver"]


def test_yarn_1(installers: Path, tmp_path: Path) -> None:
    tree = project(tmp_path / "tree")
    cache = ("--cache-folder", tmp_path / "cache")
    run("node", installers / "yarn/bin/yarn.js", "install", "--ignore-scripts", *cache, cwd=tree)
    (tree / "yarn.lock").unlink()
    facts = image(tree, tmp_path / "layout")
    agreed(facts, tmp_path / "layout", "npm", NO_PACKAGES)
    assert all(p.hashes[0].startswith("sha1:") for p in facts.packages if p.name != "demo")


def test_yarns_plug_n_play(installers: Path, tmp_path: Path) -> None:
    """Packages lie in zips, into which neither syft nor Trivy looks."""
    settings = "enableGlobalCache: false\nenableScripts: false\nenableTelemetry: false\n"
    tree = project(tmp_path / "tree", {".yarnrc.yml": settings, "yarn.lock": ""})
    registry = run(tool("npm"), "config", "get", "registry").stdout.strip()
    env = {"YARN_NPM_REGISTRY_SERVER": registry, "YARN_ENABLE_IMMUTABLE_INSTALLS": "false"}
    if bundle := os.environ.get("NODE_EXTRA_CA_CERTS"):
        env["YARN_HTTPS_CA_FILE_PATH"] = bundle
    run("node", installers / "@yarnpkg/cli-dist/bin/yarn.js", "install", cwd=tree, env=env)
    wanted = {
        entry.partition("@npm:")[0].strip('"')
        for entry in (tree / "yarn.lock").read_text().splitlines()
        if entry.startswith('"') and "@npm:" in entry
    }
    (tree / "yarn.lock").unlink()
    layout = tmp_path / "layout"
    facts = image(tree, layout)
    mine = ours(facts, "npm")
    assert syfts(layout, "npm").beyond(mine, NO_PACKAGES) == set()
    assert set(trivys(layout, "npm").listed) == {("npm/demo", "1.0.0")}
    listed = {name.removeprefix("npm/") for name, _ in mine.listed}
    assert wanted - listed == {"alias"}  # which is ms
    assert listed - wanted == {"demo"}
    express = named(facts, "express")
    assert express.inside == "node_modules/express/package.json"
    assert "cookie" in express.depends


def test_python(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", tree)
    run(*install, "--disable-pip-version-check", "flask==3.0.3", "setuptools==75.1.0", "pip==24.2")
    egg = tree / "old-1.0-py3.11.egg-info"
    egg.write_text("Metadata-Version: 1.1\nName: old\nVersion: 1.0\nLicense: MIT\n")
    layout = tmp_path / "layout"
    facts = image(tree, layout)
    mine, syft, trivy = ours(facts, "pypi"), syfts(layout, "pypi"), trivys(layout, "pypi")
    assert syft.beyond(mine) == trivy.beyond(mine) == set()
    # What pip carries has no metadata of its own; pip's list of it, only we read.
    more = {k: paths for k, paths in mine.listed.items() if k not in syft.listed}
    assert {path for paths in more.values() for path in paths} == {"/app/pip/_vendor/vendor.txt"}
    assert ("pypi/urllib3", "1.26.18") in more
    flask = named(facts, "flask")
    assert flask.depends == (
        "blinker",
        "click",
        "importlib-metadata",
        "itsdangerous",
        "jinja2",
        "werkzeug",
    )
    assert [binary.path for binary in unowned(facts)] == []


def unpacked(tree: Path, *packages: str) -> Path:
    """Unpack Debian's packages without installing them."""
    tree.mkdir()
    archives = tree.parent / "archives"
    archives.mkdir()
    archives.chmod(0o777)
    run("apt-get", "download", "--quiet", *packages, cwd=archives)
    for archive in archives.iterdir():
        run("dpkg-deb", "--extract", archive, tree)
    return tree


def test_ruby(tmp_path: Path) -> None:
    tree = unpacked(tmp_path / "tree", "ruby-rack", "ruby-json", "libruby3.1", "rake")
    facts = image(tree, tmp_path / "layout")
    agreed(facts, tmp_path / "layout", "gem")
    rack = named(facts, "rack")
    assert (rack.licence, rack.supplier) == ("MIT", "Leah Neukirchen")


def test_php(tmp_path: Path) -> None:
    """PEAR's registry is Debian's; Composer's list is written in its form, which Debian lacks."""
    tree = unpacked(tmp_path / "tree", "php-pear")
    vendor = tree / "srv/vendor/composer"
    vendor.mkdir(parents=True)
    listed: list[dict[str, Any]] = [
        {
            "name": "symfony/console",
            "version": "v5.4.1",
            "version_normalized": "5.4.1.0",
            "license": ["MIT"],
            "require": {"php": ">=7.2", "psr/log": "^1"},
        },
        {"name": "psr/log", "version": "1.1.4", "version_normalized": "1.1.4.0"},
    ]
    whole = {"packages": listed, "dev": False, "dev-package-names": []}
    (vendor / "installed.json").write_text(json.dumps(whole), encoding="utf-8")
    layout = tmp_path / "layout"
    facts = image(tree, layout)
    agreed(facts, layout, "composer")
    # Which syft of this version and Trivy pass over.
    assert ("pear/pear.php.net/archive_tar", "1.4.14") in ours(facts, "pear").listed
    assert syfts(layout, "pear").beyond(ours(facts, "pear")) == set()


def test_dotnet(tmp_path: Path) -> None:
    """A wheel brings a .NET library with its list; DLLs' own versions are not read by us."""
    tree = tmp_path / "tree"
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps")
    run(*install, "--target", tree, "pythonnet==3.0.3")
    layout = tmp_path / "layout"
    facts = image(tree, layout)
    mine = ours(facts, "nuget")
    assert mine.listed
    assert syfts(layout, "nuget").beyond(mine, ["*.dll", "*/Python.Runtime.deps.json"]) == set()
    # Trivy takes the project itself for a package of NuGet's.
    assert trivys(layout, "nuget").beyond(mine) == {("nuget/python.runtime", "3.0.3")}
