"""Which stack a spec gets, and what the lock has of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import madestack
import pytest
from fakeregistry import FakeRegistry, serve
from madestack import NAME
from signedbase import signer

from imgforge import compiled, lock, pins, project, settled, stack
from imgforge.catalogs import bounds, changelog, choosing, opening
from imgforge.catalogs.choosing import Wanted
from imgforge.catalogs.opening import How, Opened
from imgforge.cli import main
from imgforge.errors import BuildFailedError, EvidenceError, InvalidInputError, RegistryError
from imgforge.lock import LockedStack
from imgforge.policy import Policy
from imgforge.policy.stacks import Stacks
from imgforge.project import Project
from imgforge.provenance import build as provenance
from imgforge.workshop import rendered

Make = Callable[..., Project]
RESOLVE = How(resolve=True)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve(FakeRegistry(referrers_api=True)) as served:
        yield served


def opened(
    name: str = NAME,
    catalog: str = "",
    release: str = "",
    *,
    locked: LockedStack | None = None,
    how: How = RESOLVE,
) -> Opened:
    return opening.open_stack(Wanted(name, catalog, release), lambda: locked, how)


def test_a_directorys_stack_is_compiled_and_named_everywhere(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    made = make_project(madestack.SPEC)
    plan = made.plan()
    assert plan.stack == f"{NAME}@1.0.0"
    assert plan.origin is not None
    assert (plan.origin.catalog, plan.origin.source) == ("acme", "directory")
    assert plan.runtime.env["GREETING"] == "hello"
    assert plan.runtime.labels["dev.imgforge.stack.digest"] == plan.stack_digest
    assert plan.runtime.labels["dev.imgforge.stack.source"] == "acme (directory)"
    assert type(plan).from_json(plan.to_json()) == plan
    inputs = provenance.Inputs(
        spec="sha256:a", lock="sha256:b", context="sha256:c", dockerfile="d:e"
    )
    told = provenance.predicate(plan, inputs, engine="buildkit", tools={})
    rows = told["buildDefinition"]["resolvedDependencies"]
    (row,) = [row for row in rows if row.get("name") == "stack"]
    assert row["annotations"]["catalog"] == "acme"
    assert row["digest"] == {"sha256": plan.stack_digest.removeprefix("sha256:")}


def test_a_changed_directory_makes_the_lock_stale_and_the_kept_plan_worthless(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    made = make_project(madestack.SPEC)
    compiled.load(made.spec_path)
    settled.check(made.root)
    (own / "build.Dockerfile.j2").write_text(madestack.TEMPLATE + "# more\n")
    with pytest.raises(InvalidInputError, match="is stale") as caught:
        compiled.load(made.spec_path)
    assert "stack: locked acme/acme-web@1.0.0 sha256:" in caught.value.details[0]
    with pytest.raises(InvalidInputError, match="is stale"):
        settled.check(made.root)
    (own / "build.Dockerfile.j2").write_text(madestack.TEMPLATE)
    (own / "README.md").write_text("Papers do not decide.\n")
    assert compiled.load(made.spec_path).plan.stack == f"{NAME}@1.0.0"


def test_two_catalogs_with_one_name_are_an_error_until_the_spec_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("one", "two"):
        madestack.write(tmp_path / place)
    madestack.write(tmp_path / "two", name="python")
    places = [{"name": n, "directory": str(tmp_path / n)} for n in ("one", "two")]
    madestack.configure(monkeypatch, tmp_path, *places)
    with pytest.raises(InvalidInputError, match=r"several catalogs have .*: one, two") as caught:
        opened()
    assert caught.value.hint == 'say which is meant: catalog = "two" in [stack]'
    assert opened(catalog="one").pin.catalog == "one"
    with pytest.raises(InvalidInputError, match=r"several catalogs have .*: imgforge, two"):
        opened("python")
    assert opened("python", "imgforge").stack.trusted
    assert not opened("python", "two").stack.trusted
    with pytest.raises(InvalidInputError, match="no stack 'binary' in the catalog one"):
        opened("binary", "one")
    with pytest.raises(InvalidInputError, match="there is no catalog 'three'"):
        opened(catalog="three")


def test_the_listing_has_every_catalogs_stacks_and_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "stacks", "1.2.3")
    away = {"name": "away", "registry": "registry.example/x", "stacks": ["y"], "key": "k.pub"}
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"}, away)
    rows = {(o.catalog, o.name): o.versions for o in choosing.listing()}
    assert rows["acme", NAME] == ("1.2.3",)
    assert rows["away", "y"] == ()
    assert rows["imgforge", "python"]


def test_another_release_than_there_is_is_said_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "stacks", "1.2.3")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    assert opened(release="^1").pin.version == "1.2.3"
    with pytest.raises(InvalidInputError, match=r"wants acme-web \^2, and this is 1.2.3"):
        opened(release="^2")
    with pytest.raises(InvalidInputError, match="wants python >=99"):
        opened("python", release=">=99")


def test_a_registrys_newest_is_pinned_and_stays_until_an_upgrade(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, prefix = signer(), f"{registry.place}/stacks"
    (tmp_path / "acme.pub").write_bytes(key.public_key.to_pem())
    place = {"name": "acme", "registry": prefix, "stacks": [NAME], "key": "acme.pub"}
    madestack.configure(monkeypatch, tmp_path, place)
    madestack.publish(madestack.write(tmp_path / "one", "1.0.0"), prefix, key)
    with pytest.raises(InvalidInputError, match="does not pin the stack"):
        opened(how=How())
    first = opened().pin
    assert (first.version, first.reference) == ("1.0.0", f"{prefix}/{NAME}")
    assert first.trust.startswith("signed by ")
    registry.page = 1
    madestack.publish(madestack.write(tmp_path / "two", "1.1.0"), prefix, key)
    assert opened(locked=first).pin == first
    newer = opened(locked=first, how=How(resolve=True, upgrade=True))
    assert newer.pin.version == "1.1.0"
    assert changelog.between(newer.files, "1.0.0", "1.1.0") == ("## 1.1.0", "- Greets louder.")
    assert opened(locked=first, release="^1.1").pin.version == "1.1.0"
    registry.seen.clear()
    # What is held and proven asks nobody.
    assert opened(locked=first, how=How(offline=True)).pin == first
    assert registry.seen == []
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BuildFailedError, match="this run is offline"):
        opened(locked=first, how=How(offline=True))
    assert opened(locked=first, how=How()).pin == first
    registry.tags.pop("1.1.0")
    with pytest.raises(RegistryError, match=r"the newest acme/acme-web there is 1.0.0"):
        opened(locked=newer.pin, how=How(resolve=True, upgrade=True))


def test_what_others_signed_is_not_taken(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, prefix = signer(), f"{registry.place}/stacks"
    (tmp_path / "acme.pub").write_bytes(signer().public_key.to_pem())
    place = {"name": "acme", "registry": prefix, "stacks": [NAME], "key": "acme.pub"}
    madestack.configure(monkeypatch, tmp_path, place)
    madestack.publish(madestack.write(tmp_path / "one"), prefix, key)
    with pytest.raises(EvidenceError, match="has no valid signature"):
        opened()


def test_a_lock_cannot_name_another_place_than_the_settings(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, prefix = signer(), f"{registry.place}/stacks"
    (tmp_path / "acme.pub").write_bytes(key.public_key.to_pem())
    place = {"name": "acme", "registry": prefix, "stacks": [NAME], "key": "acme.pub"}
    madestack.configure(monkeypatch, tmp_path, place)
    madestack.publish(madestack.write(tmp_path / "one"), prefix, key)
    pin = opened().pin
    moved = dataclasses.replace(pin, reference=f"{registry.place}/evil/{NAME}")
    other = dataclasses.replace(pin, digest="sha256:" + "0" * 64)
    named = dataclasses.replace(pin, version="1.0.1")
    for held, message in (
        (moved, "does not pin"),
        (other, "has something else"),
        (named, "has something else"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            opened(locked=held, how=How())


def test_a_git_repositorys_ref_is_pinned_by_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    madestack.write(origin / "stacks")
    first = madestack.commit(origin)
    place = {
        "name": "acme",
        "git": str(origin),
        "folder": "stacks",
        "ref": "main",
        "stacks": [NAME],
    }
    madestack.configure(monkeypatch, tmp_path, place)
    pin = opened().pin
    assert (pin.source, pin.revision, pin.version) == ("git", first, "1.0.0")
    madestack.write(origin / "stacks", "1.1.0")
    second = madestack.commit(origin)
    assert opened(locked=pin, how=How(offline=True)).pin == pin
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BuildFailedError, match="this run is offline"):
        opened(locked=pin, how=How(offline=True))
    assert opened(locked=pin, how=How()).pin == pin
    upgrade = How(resolve=True, upgrade=True)
    newer = opened(locked=pin, how=upgrade).pin
    assert (newer.version, newer.revision) == ("1.1.0", second)
    origin.rename(tmp_path / "away")
    assert opened(locked=pin, how=How()).pin == pin
    with pytest.raises(BuildFailedError, match="main of the catalog acme could not be") as caught:
        opened(locked=pin, how=upgrade)
    assert "[[catalogs]]" in (caught.value.hint or "")


def test_a_commit_that_the_ref_does_not_lead_to_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    madestack.write(origin)
    madestack.commit(origin)
    place = {"name": "acme", "git": str(origin), "ref": "main", "stacks": [NAME]}
    madestack.configure(monkeypatch, tmp_path, place)
    pin = opened().pin
    madestack.git(origin, "checkout", "--quiet", "-b", "fork")
    madestack.write(origin, "6.6.6")
    fork = madestack.commit(origin)
    with pytest.raises(InvalidInputError, match="main of the catalog acme does not lead to"):
        opened(locked=dataclasses.replace(pin, revision=fork, version="6.6.6"), how=How())


def test_the_commit_of_a_directorys_checkout_is_told_and_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "checkout")
    first = madestack.commit(tmp_path / "checkout")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "checkout"})
    pin = opened().pin
    assert pin.revision == first
    (tmp_path / "checkout" / "other").write_text("")
    madestack.commit(tmp_path / "checkout")
    now = opened().pin
    assert now.revision != first
    assert opening.same(pin, now)


def test_imgforges_own_stacks_hold_until_their_major_version_changes() -> None:
    pin = opened("python").pin
    assert opening.same(None, pin)
    major = int(pin.version.partition(".")[0])
    assert opening.same(dataclasses.replace(pin, version=f"{major}.99.0"), pin)
    assert not opening.same(dataclasses.replace(pin, version=f"{major + 1}.0.0"), pin)


def test_a_lock_keeps_and_checks_what_it_has_of_a_stack(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    made = make_project(madestack.SPEC)
    text = made.lock_path.read_text()
    assert text.index("[inputs]") < text.index("[stack]") < text.index("[runtime]")
    assert lock.read(made.lock_path).stack == made.opened.pin
    broken = text.replace('source = "directory"', 'source = "registry"')
    with pytest.raises(InvalidInputError) as caught:
        lock.parse(broken)
    assert "stack.reference: does not go with its source" in caught.value.details


def test_what_became_of_the_stack_is_told(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    made = make_project(madestack.SPEC)
    held = lock.read(made.lock_path)
    assert pins._stack_pin(made, held, "", None).reasons == ()
    (own / "stack.toml").write_text(madestack.definition("1.1.0"))
    (own / "CHANGELOG.md").write_text(madestack.changelog("1.1.0"))
    newer = project.load(made.root, RESOLVE)
    told = pins._stack_pin(newer, held, "", None).to_json()
    assert (told["before"], told["version"], told["kept"]) == ("1.0.0", "1.1.0", False)
    assert told["changelog"] == ["## 1.1.0", "- Greets louder."]
    assert pins._upgraded(pins.asked(newer), ["stack"]) == []
    with pytest.raises(InvalidInputError, match="no base stck"):
        pins._upgraded(pins.asked(newer), ["stck"])


def test_a_policy_bounds_catalogs_stacks_steps_and_blocks(
    registry: FakeRegistry,
) -> None:
    pin = LockedStack(NAME, "1.2.0", "acme", "directory", digest="sha256:" + "a" * 64)

    def ask(stacks: Stacks, *changes: str) -> None:
        policy = dataclasses.replace(Policy(), stacks=stacks)
        bounds.demand(pin, changes, policy, offline=True, say=lambda _: None)

    ask(Stacks(), "step a", "block b.c")
    ask(Stacks(catalogs=(("acme",), ("acme", "imgforge")), allow=(("acme/*@1.*",),)))
    with pytest.raises(InvalidInputError, match="does not allow the stack") as caught:
        ask(
            Stacks((("imgforge",),), (("acme/*@2.*",),), (), False, False),
            *("step lint after build: []", "block build.build from x", "packages a"),
        )
    assert len(caught.value.details) == 4
    remote = LockedStack(NAME, "1.2.0", "acme", "registry", f"{registry.place}/x", "d", "r", "t")
    with pytest.raises(InvalidInputError, match=r"no \[\[stacks.trust\]\]"):
        bounds._demand_signers(remote, Stacks(trust=((),)), offline=True, say=lambda _: None)


def test_names_in_a_directory_that_is_not_there_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "gone"})
    with pytest.raises(InvalidInputError, match="the catalog acme cannot be read"):
        choosing.choose(Wanted("python"))


def test_caches_are_the_catalogs_own_and_those_of_our_stacks_stay(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec_text: str
) -> None:
    cached = madestack.TEMPLATE.replace("call run()", 'call run(cache=["/root/.cache/pip"])')
    own = madestack.write(tmp_path / "stacks", **{"build.Dockerfile.j2": cached})
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    (stage,) = make_project(madestack.SPEC).plan().stages
    mount = "--mount=type=cache,id=catalog.acme/root/.cache/pip,target=/root/.cache/pip,"
    assert mount in stage.instructions
    tried = project.load(tmp_path / "project", stack=stack.read(own, trusted=False))
    text = rendered.dockerfile(tried.spec, tried.stack, tried.choice)
    assert mount.replace("catalog.acme", "folder") in text
    # A hand-written mount reaches no further.
    theirs = "RUN --network=none --mount=type=cache,target=/root/.cache/pip true\n"
    (own / "build.Dockerfile.j2").write_text(theirs)
    with pytest.raises(InvalidInputError, match="cannot be part of an image"):
        make_project(madestack.SPEC).plan()
    for each in make_project(spec_text).plan().stages:
        assert "type=cache,id=" not in each.instructions


def test_two_refs_of_a_git_catalog_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = tmp_path / "origin"
    madestack.write(origin)
    madestack.commit(origin)
    madestack.git(origin, "tag", "1.0.0")
    madestack.write(origin, "1.1.0")
    madestack.commit(origin)
    place = {"name": "acme", "git": str(origin), "ref": "main", "stacks": [NAME]}
    madestack.configure(monkeypatch, tmp_path, place)
    argv = ["stack", "diff", f"acme/{NAME}@refs/tags/1.0.0", f"{NAME}@main", "--exit-code"]
    assert main.main([*argv, "--format", "json"]) == 10
    told = json.loads(capsys.readouterr().out)
    assert [told[side].split()[0] for side in ("old", "new")] == [f"{NAME}@1.0.0", f"{NAME}@1.1.0"]
    assert told["changelog"] == ["## 1.1.0", "- Greets louder."]
    assert main.main(["stack", "pull", f"{NAME}@refs/tags/1.0.0", "-o", str(tmp_path / "old")]) == 0
    assert 'version = "1.0.0"' in (tmp_path / "old" / "stack.toml").read_text()
    assert main.main(["stack", "show", f"{NAME}@nowhere"]) == 4


@pytest.mark.parametrize("name", ["python@main", "imgforge/python@1.x"])
def test_only_a_git_catalog_has_refs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["stack", "show", name]) == 2
    assert "has no refs" in capsys.readouterr().err
