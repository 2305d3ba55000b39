"""Bases from a registry: resolved once, pulled by digest, from the mirror or the original."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import signedbase
from fakeregistry import FakeRegistry, Reply, Seen, serve
from signedbase import AMD64, ARM64

from imgforge import bases
from imgforge.bases import definitions, trust
from imgforge.errors import BuildFailedError, InvalidInputError, RegistryError
from imgforge.lock import LockedBase
from imgforge.oci.layout import Layout
from imgforge.oci.types import INDEX, MANIFEST, Descriptor, Platform
from imgforge.policy import Policy

REPOSITORY = "team/base"


def quiet(_: str) -> None:
    pass


@pytest.fixture
def origin(tmp_path: Path) -> tuple[Layout, Descriptor]:
    layout = Layout.create(tmp_path / "origin")
    return layout, signedbase.make(layout)


@pytest.fixture
def registry(origin: tuple[Layout, Descriptor]) -> Iterator[FakeRegistry]:
    """Serve the base under the tag 1."""
    with serve(FakeRegistry()) as registry:
        signedbase.put(registry, *origin, tag="1")
        yield registry


@pytest.fixture
def exempting(tmp_path: Path) -> Policy:
    return signedbase.exempting(tmp_path)


def name(registry: FakeRegistry) -> str:
    return f"{registry.place}/{REPOSITORY}"


def resolved(reference: str, policy: Policy, *platforms: Platform) -> LockedBase:
    return bases.resolve(reference, platforms or (AMD64,), policy=policy, say=quiet)


def test_a_pinned_base_is_pulled_once(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, exempting: Policy
) -> None:
    layout, top = origin
    reference = f"{name(registry)}@{top.digest}"
    base = resolved(reference, exempting, ARM64, AMD64)
    assert (base.name, base.source, base.reference) == (reference, "registry", name(registry))
    assert (base.digest, base.epoch) == (top.digest, 1767952800)
    assert (base.tag, base.upstream) == ("", "")
    assert base.trust == "exempt until 2999-01-01: a test (us)"
    assert [(p.platform, p.digest) for p in base.platforms] == [
        (AMD64, layout.images(top)[0].digest),
        (ARM64, layout.images(top)[1].digest),
    ]
    path = bases.ensure(base, offline=True, say=quiet)
    assert [d.digest for d in Layout.open(path).index()] == [top.digest]


def test_a_tag_is_resolved_once_and_never_again(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    exempting: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = resolved(f"{name(registry)}:1", exempting)
    assert (base.name, base.reference) == (f"{name(registry)}:1", name(registry))
    assert (base.tag, base.digest) == ("1", origin[1].digest)
    registry.tags.clear()
    registry.seen.clear()
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "other"))
    bases.ensure(base, say=quiet)
    assert not registry.calls("GET", "/manifests/1")
    pinned = resolved(f"{name(registry)}:1@{origin[1].digest}", exempting)
    assert (pinned.tag, pinned.digest) == ("1", origin[1].digest)
    with pytest.raises(RegistryError, match="has no 1"):
        resolved(f"{name(registry)}:1", exempting)


def test_an_empty_cache_is_filled_by_digest(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    exempting: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = resolved(f"{name(registry)}@{origin[1].digest}", exempting)
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "other"))
    with pytest.raises(BuildFailedError, match="offline"):
        bases.ensure(base, offline=True, say=quiet)
    path = bases.ensure(base, say=quiet)
    assert bases.ensure(base, offline=True, say=quiet) == path
    assert bases.held(base.digest) is None, "only what was made here may go unasked"


def test_a_registry_that_lies_is_refused(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, exempting: Policy
) -> None:
    layout, top = origin
    layer = layout.read_json(layout.images(top)[0])["layers"][0]["digest"]
    good = registry.blobs[layer]
    registry.blobs[layer] = good[:-1] + b" "
    with pytest.raises(RegistryError):
        resolved(f"{name(registry)}@{top.digest}", exempting)
    registry.blobs[layer] = good
    media, data = registry.manifests[top.digest]
    registry.manifests[top.digest] = (media, data[:-1] + b" ")
    for reference in (f"{name(registry)}@{top.digest}", f"{name(registry)}:1"):
        with pytest.raises(RegistryError):
            resolved(reference, exempting)


def test_what_is_not_there_or_not_named_is_refused(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, exempting: Policy
) -> None:
    pinned = f"{name(registry)}@{origin[1].digest}"
    with pytest.raises(InvalidInputError, match="no image for linux/s390x"):
        resolved(pinned, exempting, Platform("linux", "s390x"))
    with pytest.raises(InvalidInputError, match="packages cannot be added"):
        bases.resolve(pinned, (AMD64,), packages=("libpq5",), policy=exempting, say=quiet)
    with pytest.raises(InvalidInputError, match="neither tag nor digest"):
        resolved(name(registry), exempting)
    for wrong in ("registry.test/a@sha256:12", "registry.test/a:.b", "a/B:1"):
        with pytest.raises(InvalidInputError, match="not an image reference"):
            resolved(wrong, exempting)


def test_a_definition_may_stand_for_a_registrys_base(
    registry: FakeRegistry,
    exempting: Policy,
    demo: None,  # noqa: ARG001 - writes the definition
    tmp_path: Path,
) -> None:
    path = tmp_path / "bases" / "demo.toml"
    text = path.read_text().replace(
        'summary = "x"', f'summary = "x"\nregistry = "{name(registry)}:1"'
    )
    path.write_text(text)
    base = resolved("demo", exempting)
    assert (base.name, base.source, base.tag) == ("demo", "registry", "1")
    assert base.reference == name(registry)
    assert trust.demand(base, exempting, say=quiet) == base.trust
    path.write_text(text.replace(":1", ":2"))
    definitions.load.cache_clear()
    with pytest.raises(InvalidInputError, match="for the base demo, which names"):
        trust.demand(base, exempting, say=quiet)
    with pytest.raises(InvalidInputError, match="packages cannot be added to demo"):
        bases.resolve("demo", (AMD64,), packages=("x",), policy=exempting, say=quiet)


def test_a_pulled_base_is_not_taken_for_one_made_here(
    registry: FakeRegistry, exempting: Policy
) -> None:
    """A lock that calls a registry's base its own must not get round the policy."""
    base = resolved(f"{name(registry)}:1", exempting)
    claimed = dataclasses.replace(
        base, source="packages", name="static", reference="imgforge/static"
    )
    with pytest.raises(BuildFailedError):
        bases.ensure(claimed, offline=True, say=quiet)


def test_only_platforms_that_are_built_for_are_brought(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, exempting: Policy
) -> None:
    layout, top = origin
    index = layout.read_json(top)
    for number, (system, architecture) in enumerate((("windows", "amd64"), ("linux", "s390x"))):
        # The registry does not even have them.
        platform = {"os": system, "architecture": architecture}
        absent = {"mediaType": MANIFEST, "digest": "sha256:" + str(number) * 64, "size": 9}
        index["manifests"].append({**absent, "platform": platform})
    wide = layout.add_json(index, INDEX)
    registry.manifests[wide.digest] = (INDEX, layout.read(wide))
    registry.tags["wide"] = wide.digest
    base = resolved(f"{name(registry)}:wide", exempting, AMD64, ARM64)
    assert base.digest == wide.digest
    bases.ensure(base, offline=True, say=quiet)
    with pytest.raises(InvalidInputError, match="no image for linux/s390x"):
        resolved(f"{name(registry)}:wide", exempting, Platform("linux", "s390x"))
    index["manifests"] = index["manifests"][2:]
    none = layout.add_json(index, INDEX)
    registry.manifests[none.digest] = (INDEX, layout.read(none))
    with pytest.raises(RegistryError, match="no image for a platform"):
        resolved(f"{name(registry)}@{none.digest}", exempting)


def test_the_mirror_is_asked_first_and_the_names_stay(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    exempting: Policy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve(FakeRegistry()) as mirror:
        signedbase.put(mirror, *origin, tag="1")
        prefix = f"{mirror.place}/hub/"
        monkeypatch.setenv(
            "IMGFORGE_REGISTRY_MIRRORS", f"docker.io=x.test/y {registry.place}={prefix}"
        )
        base = resolved(f"{name(registry)}:1", exempting)
        assert base.reference == name(registry)
        assert {s.path for s in mirror.seen if "manifests" in s.path} >= {
            f"/v2/hub/{REPOSITORY}/manifests/1",
            f"/v2/hub/{REPOSITORY}/manifests/{base.digest}",
        }
        assert not registry.seen


def test_the_original_is_asked_for_what_the_mirror_lacks(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    exempting: Policy,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    layout, top = origin
    said: list[str] = []
    with serve(FakeRegistry()) as mirror:
        monkeypatch.setenv("IMGFORGE_REGISTRY_MIRRORS", f"{registry.place}={mirror.place}/hub")
        base = bases.resolve(f"{name(registry)}:1", (AMD64,), policy=exempting, say=said.append)
        assert any(mirror.place in line and "passed over" in line for line in said)
        # It has the manifests but has lost a layer.
        signedbase.put(mirror, layout, top, tag="1")
        del mirror.blobs[layout.read_json(layout.images(top)[0])["layers"][0]["digest"]]
        monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "other"))
        bases.ensure(base, say=quiet)
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "third"))
    bases.ensure(base, say=quiet)  # and now nobody answers there


def test_a_mirror_that_lies_is_an_error(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    exempting: Policy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layout, top = origin
    with serve(FakeRegistry()) as mirror:
        signedbase.put(mirror, layout, top)
        monkeypatch.setenv("IMGFORGE_REGISTRY_MIRRORS", f"{registry.place}={mirror.place}")
        layer = layout.read_json(layout.images(top)[0])["layers"][0]["digest"]
        mirror.blobs[layer] = mirror.blobs[layer][:-1] + b" "
        with pytest.raises(RegistryError, match="do not match"):
            resolved(f"{name(registry)}@{top.digest}", exempting)
        mirror.fault = lambda _: Reply(403)
        with pytest.raises(RegistryError, match="status 403"):
            resolved(f"{name(registry)}@{top.digest}", exempting)


def test_credentials_go_to_their_own_registry_only(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    exempting: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wants_login(seen: Seen) -> Reply | None:
        if "authorization" in seen.headers:
            return None
        return Reply(401, {"WWW-Authenticate": 'Basic realm="here"'})

    registry.fault = wants_login
    (tmp_path / "config.json").write_text(
        '{"auths": {"%s": {"auth": "dXM6c2VjcmV0"}}}' % registry.place  # noqa: UP031 - braces
    )
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with serve(FakeRegistry()) as mirror:
        monkeypatch.setenv("IMGFORGE_REGISTRY_MIRRORS", f"{registry.place}={mirror.place}")
        resolved(f"{name(registry)}@{origin[1].digest}", exempting)
        assert mirror.seen
        assert not any("authorization" in seen.headers for seen in mirror.seen)


@pytest.mark.parametrize("value", ["docker.io", "=x.test/y", "{place}=hub", "{place}=x.test/A"])
def test_a_malformed_mirror_is_named(
    value: str, registry: FakeRegistry, exempting: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_REGISTRY_MIRRORS", value.format(place=registry.place))
    with pytest.raises(InvalidInputError):
        resolved(f"{name(registry)}:1", exempting)


def test_mirrors_stand_in_the_settings_too(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    exempting: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve(FakeRegistry()) as mirror:
        signedbase.put(mirror, *origin, tag="1")
        config = tmp_path / "config.toml"
        config.write_text(f'[registry.mirrors]\n"{registry.place}" = "{mirror.place}/hub"\n')
        monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
        resolved(f"{name(registry)}:1", exempting)
        assert mirror.seen
        assert not registry.seen


def test_what_stands_in_for_a_base_keeps_its_contract(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, exempting: Policy
) -> None:
    reference = f"{name(registry)}@{origin[1].digest}"
    with pytest.raises(BuildFailedError, match="does not keep the contract of bases") as caught:
        bases.resolve(
            reference, (AMD64,), policy=exempting, instead_of="static-bookworm", say=quiet
        )
    assert "there is no etc/ssl/certs/ca-certificates.crt" in caught.value.details
    assert "it is made of nothing known, not of debian12" in caught.value.details
    assert bases.resolve(reference, (AMD64,), policy=exempting, say=quiet).abi == ""
