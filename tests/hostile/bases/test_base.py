"""``imgforge base`` against an archive and a registry that may misbehave."""

from __future__ import annotations

import dataclasses
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from fakeregistry import FakeRegistry, Reply, Seen, serve

from imgforge import cache, lock, verify
from imgforge.bases import definitions
from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.signing import generate, statement

Make = Callable[..., bytes]
Capture = pytest.CaptureFixture[str]

DEFINITION = """\
name = "demo"
summary = "For tests"
packages = ["demo"]
shell = %s

[suite.trixie]
end-of-life = 2100-01-01
abi = "debian13"

[config]
user = "%s"

[[file]]
path = "etc/os-release"
text = "ID=debian\\nVERSION_ID=13\\n"

[[file]]
path = "etc/passwd"
text = "root:x:0:0:root:/root:/sbin/nologin\\nnonroot:x:65532:65532::/:/sbin/nologin\\n"

[[file]]
path = "etc/group"
text = "root:x:0:\\nnonroot:x:65532:\\n"
"""


class Archive(Protocol):
    files: dict[str, bytes]
    stanzas: dict[tuple[str, str], list[str]]

    def add(self, name: str, package: bytes, suite: str = "trixie", **fields: str) -> str: ...

    def publish(self, **changes: str) -> None: ...


@pytest.fixture(autouse=True)
def _platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGFORGE_PLATFORM", "linux/amd64")  # the archive has no other
    monkeypatch.setenv("IMGFORGE_KEY_PASSWORD", "made up")


@pytest.fixture
def define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that defines a base, ``demo``."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    monkeypatch.setenv("IMGFORGE_BASES", str(folder))

    def write(*, builder: bool = False) -> None:
        user = "0:0" if builder else "65532:65532"
        (folder / "demo.toml").write_text(DEFINITION % (str(builder).lower(), user))
        definitions.load.cache_clear()

    write()
    return write


@pytest.fixture
def offer(archive: Archive, make_deb: Make) -> Callable[..., None]:
    """Return a function that makes the archive offer ``demo`` with these programs besides."""

    def program(name: str) -> tarfile.TarInfo:
        info = tarfile.TarInfo(f"./usr/bin/{name}")
        info.mode, info.size = 0o755, 5
        return info

    def publish(version: str = "1", *programs: str) -> None:
        archive.stanzas.clear()
        control = f"Package: demo\nVersion: {version}\nArchitecture: amd64\n"
        content: dict[str, Any] = {"./usr/bin/demo": b"demo " + version.encode()}
        content |= {f"./usr/bin/{name}": program(name) for name in programs}
        archive.add("demo", make_deb(content, control=control), Version=version)
        archive.publish()

    publish()
    return publish


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve(FakeRegistry()) as running:
        yield running


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    return generate(tmp_path / "base", b"made up")[0]


@pytest.fixture
def run(
    define: Callable[..., None],  # noqa: ARG001 - it must be there first
    offer: Callable[..., None],  # noqa: ARG001
    capsys: Capture,
) -> Callable[..., str]:
    """Return a function that runs ``imgforge base`` and returns what it printed."""

    def call(*arguments: object, code: int = 0) -> str:
        capsys.readouterr()
        got = main(["base", *map(str, arguments)])
        seen = capsys.readouterr()
        assert got == code, seen.err
        return seen.out if code in {0, 10} and seen.out else seen.err

    return call


Run = Callable[..., str]


def test_a_base_is_built_locked_written_out_and_built_again_offline(
    run: Run, tmp_path: Path, offer: Callable[..., None]
) -> None:
    pins, out = tmp_path / "base.lock", tmp_path / "out"
    reference = run("build", "demo", "--lock", pins, "--output", out).strip()
    digest = reference.partition("@")[2]
    assert reference.startswith("imgforge/demo@sha256:")
    assert [d.digest for d in Layout.open(out).index()] == [digest]
    assert lock.read(pins).runtime.digest == digest
    offer("2")
    assert run("build", "demo", "--lock", pins, "--offline").strip() == reference
    newer = run("build", "demo", "--output", out).strip()
    assert newer != reference
    assert [d.digest for d in Layout.open(out).index()] == [newer.partition("@")[2]]
    assert not Layout.open(out).has(digest)


def test_a_lock_that_is_for_something_else_is_refused(run: Run, tmp_path: Path) -> None:
    pins = tmp_path / "base.lock"
    run("build", "demo", "--lock", pins)
    before = pins.read_bytes()
    assert "linux/arm64" in run(
        "build", "demo", "--lock", pins, "--platform", "linux/arm64", code=2
    )
    assert "other packages" in run("build", "demo", "--lock", pins, "--package", "more", code=2)
    assert "does not pin nothing" in run("build", "nothing", "--lock", pins, code=2)
    assert pins.read_bytes() == before


def test_offline_needs_a_lock(run: Run) -> None:
    assert "--lock" in run("build", "demo", "--offline", code=2)


def test_what_stands_where_the_layout_should_go_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    assert "no OCI layout" in run("build", "demo", "--output", tmp_path / "mine", code=2)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["file"]


def test_a_platform_that_nothing_is_made_for_is_refused(run: Run) -> None:
    assert "--platform" in run("build", "demo", "--platform", "amd64", code=2)
    assert "windows" in run("build", "demo", "--platform", "windows/amd64", code=2)


def test_what_is_published_verifies_in_every_part(
    run: Run, registry: FakeRegistry, pair: Path
) -> None:
    target = f"{registry.place}/base/demo"
    value = json.loads(run("publish", "demo", f"{target}:1", "--key", pair, "--format", "json"))
    assert value["reference"] == f"{target}@{value['digest']}"
    assert registry.tags["1"] == value["digest"]
    wanted = {statement.SPDX, statement.CYCLONEDX, statement.PROVENANCE, statement.FINDINGS}
    demand = verify.by_key(pair.with_suffix(".pub"), wanted)
    proven = verify.verify_registry(f"{target}:1", demand)
    assert proven.digest == value["digest"]
    ((_, platform),) = proven.platforms
    predicates = {a.predicate_type: a.predicate for a in platform.attestations}
    made = predicates[statement.PROVENANCE]["buildDefinition"]
    assert made["buildType"] == "https://imgforge.dev/base/v1"
    assert made["externalParameters"]["base"] == "demo"
    uris = [d["uri"] for d in made["resolvedDependencies"]]
    assert "pkg:deb/debian/demo@1?arch=amd64&distro=debian-13" in uris
    assert sum("InRelease" in uri for uri in uris) == 3
    names = [p["name"] for p in predicates[statement.SPDX]["packages"]]
    assert "demo" in names
    assert not list(cache.directory("bases").glob(".incoming-*"))


def test_the_tag_is_the_last_thing_that_is_put(
    run: Run, registry: FakeRegistry, pair: Path
) -> None:
    run("publish", "demo", f"{registry.place}/base/demo:1", "--key", pair)
    last = registry.calls("PUT")[-1]
    assert last.path.endswith("/manifests/1")


def test_without_a_tag_nothing_is_named(run: Run, registry: FakeRegistry, pair: Path) -> None:
    run("publish", "demo", f"{registry.place}/base/demo", "--key", pair)
    assert not [tag for tag in registry.tags if not tag.startswith("sha256-")]


def test_a_shell_that_the_definition_does_not_name_is_never_published(
    run: Run, registry: FakeRegistry, pair: Path, offer: Callable[..., None]
) -> None:
    offer("1", "apt")
    said = run("publish", "demo", f"{registry.place}/base/demo:1", "--key", pair, code=10)
    assert "findings at or above high" in said
    assert registry.calls("PUT") == registry.calls("POST") == []


def test_a_builder_s_shell_is_what_its_definition_permits(
    run: Run,
    registry: FakeRegistry,
    pair: Path,
    offer: Callable[..., None],
    define: Callable[..., None],
) -> None:
    define(builder=True)
    offer("1", "sh", "apt")
    run("publish", "demo", f"{registry.place}/base/demo:1", "--key", pair)
    assert "1" in registry.tags


def test_a_policy_is_still_a_bound(
    run: Run, registry: FakeRegistry, pair: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('fail-on = "nonsense"\n')
    arguments = ("publish", "demo", f"{registry.place}/base/demo:1", "--key", pair)
    assert "fail-on" in run(*arguments, "--policy", policy, code=2)
    assert registry.seen == []


def test_a_registry_that_refuses_the_evidence_gets_no_tag(
    run: Run, registry: FakeRegistry, pair: Path
) -> None:
    def refuse(seen: Seen) -> Reply | None:
        manifest = seen.method == "PUT" and "/manifests/sha256" in seen.path
        return Reply(403) if manifest and b'"subject"' in seen.body else None

    registry.fault = refuse
    run("publish", "demo", f"{registry.place}/base/demo:1", "--key", pair, code=6)
    assert "1" not in registry.tags


def test_a_key_that_is_not_the_pair_of_its_public_half_signs_nothing(
    run: Run, registry: FakeRegistry, pair: Path, tmp_path: Path
) -> None:
    other = generate(tmp_path / "other", b"made up")[1]
    pair.with_suffix(".pub").write_bytes(other.read_bytes())
    arguments = ("publish", "demo", f"{registry.place}/base/demo:1", "--key", pair)
    assert "not the public half" in run(*arguments, code=2)
    assert registry.seen == []


def test_two_versions_differ_however_they_are_named(
    run: Run, tmp_path: Path, offer: Callable[..., None], registry: FakeRegistry, pair: Path
) -> None:
    old, out = tmp_path / "old.lock", tmp_path / "out"
    run("build", "demo", "--lock", old, "--output", out)
    pushed = run("publish", "demo", f"{registry.place}/base/demo:1", "--key", pair).strip()
    offer("2")
    run("build", "demo", "--lock", tmp_path / "new.lock")
    for left in (old, f"{old}#runtime", out, pushed):
        shown = run("diff", left, tmp_path / "new.lock", "--exit-code", code=10)
        assert "~ deb/demo 1 -> 2" in shown
        assert "~ usr/bin/demo, content" in shown
        value = json.loads(run("diff", left, tmp_path / "new.lock", "--format", "json"))
        found = value["platforms"]["linux/amd64"]
        assert found["packages"] == [{"what": "deb/demo", "old": "1", "new": "2"}]
    assert "the same image" in run("diff", old, out, "--exit-code")


def test_a_name_means_the_newest_in_the_cache_and_is_made_if_there_is_none(run: Run) -> None:
    assert "the same image" in run("diff", "demo", "demo")
    shown = json.loads(run("show", "demo", "--format", "json"))
    assert shown["image"]["platforms"]["linux/amd64"]["packages"] == {"demo": "1"}
    assert shown["packages"] == {"demo": ["demo"]}
    assert shown["configuration"]["User"] == "65532:65532"


def test_a_base_with_packages_on_top_is_another_one(
    run: Run, archive: Archive, make_deb: Make
) -> None:
    archive.add(
        "more",
        make_deb(
            {"./usr/bin/more": b"more"}, control="Package: more\nVersion: 1\nArchitecture: amd64\n"
        ),
    )
    archive.publish()
    run("build", "demo", "--package", "more")
    assert "image" not in json.loads(run("show", "demo", "--format", "json"))


def test_show_reads_a_lock(run: Run, tmp_path: Path) -> None:
    pins = tmp_path / "base.lock"
    run("build", "demo", "--lock", pins)
    value = json.loads(run("show", "demo", "--lock", pins, "--format", "json"))
    assert value["locked"]["digest"] == value["image"]["digest"]
    assert value["locked"]["platforms"]["linux/amd64"]["packages"] == {"demo": "1"}
    assert "digest: sha256:" in run("show", "demo", "--lock", pins)


@pytest.mark.parametrize("name", ["nothing", "./nothing", "x/y", "host/repo@sha256:12"])
def test_what_means_no_base_has_one_clear_error(run: Run, name: str) -> None:
    assert "hint: " in run("diff", name, "demo", code=2)


def test_a_layout_that_lies_is_not_compared(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("build", "demo", "--output", out)
    layout = Layout.open(out)
    image = layout.images(layout.index()[0])[0]
    blob = layout.blob_path(layout.read_json(image)["layers"][0]["digest"])
    data = blob.read_bytes()
    blob.unlink()  # the cache holds the same file
    blob.write_bytes(data[:-1])
    for kept in cache.directory("analysis").glob("*.facts"):
        kept.unlink()
    assert "cannot be read" in run("diff", out, "demo", code=2)


def test_collecting_frees_what_is_old_and_a_base_is_made_again(run: Run, tmp_path: Path) -> None:
    pins = tmp_path / "base.lock"
    reference = run("build", "demo", "--lock", pins)
    assert "freed 0.0 MB" in run("gc")
    for path in cache.directory().rglob("*"):
        os.utime(path, (0, 0))
    dry = json.loads(run("gc", "--dry-run", "--format", "json"))
    assert {"bases", "layers", "blobs"} <= {each["kind"] for each in dry}
    assert json.loads(run("gc", "--format", "json")) == dry
    assert not list(cache.directory("bases").iterdir())
    assert run("build", "demo", "--lock", pins) == reference
    assert "days" in run("gc", "--older-than", "-1", code=2)


def test_the_list_warns_of_what_has_ended(
    run: Run, capsys: Capture, define: Callable[..., None], tmp_path: Path
) -> None:
    assert "demo" in run("list")
    define()
    path = tmp_path / "definitions" / "demo.toml"
    path.write_text(path.read_text().replace("2100-01-01", "2020-01-01"))
    definitions.load.cache_clear()
    assert main(["base", "list", "--format", "json"]) == 0
    seen = capsys.readouterr()
    states = {b["name"]: b["state"] for b in json.loads(seen.out)}
    assert states["demo"] == "ended"
    assert "security support of demo ended on 2020-01-01" in seen.err


def test_a_lock_edited_by_hand_brings_no_base_in(
    run: Run, tmp_path: Path, registry: FakeRegistry, pair: Path
) -> None:
    path = tmp_path / "base.lock"
    run("build", "demo", "--lock", path)
    made = lock.read(path)
    evil = dataclasses.replace(
        made.runtime,
        source="registry",
        reference=f"{registry.place}/evil/demo",
        definition="",
        archives=(),
        platforms=tuple(dataclasses.replace(p, layers=()) for p in made.runtime.platforms),
    )
    lock.write(dataclasses.replace(made, runtime=evil), path)
    assert "not taken from a registry" in run("build", "demo", "--lock", path, code=2)
    assert registry.seen == []
    # Neither does another base's digest, nor packages that are not what the digest holds.
    packages = made.runtime.platforms[0].layers[0].packages
    clean = tuple(dataclasses.replace(p, version="9") for p in packages)
    layers = (dataclasses.replace(made.runtime.platforms[0].layers[0], packages=clean),)
    platforms = (dataclasses.replace(made.runtime.platforms[0], layers=layers),)
    lied = dataclasses.replace(made.runtime, platforms=platforms)
    lock.write(dataclasses.replace(made, runtime=lied), path)
    target = f"{registry.place}/team/demo:1"
    said = run("publish", "demo", target, "--key", pair, "--lock", path, code=6)
    assert "package demo 9 for amd64 is demo 1 amd64" in said
    assert registry.tags == {}
