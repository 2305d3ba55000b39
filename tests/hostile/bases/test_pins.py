"""The life of a lock, against an archive that changes under it or is not there at all."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lockedproject import SPEC, Archive, Make, Place, made_place

from imgforge import assets, bases, cache, lock, pins, project
from imgforge.cli.main import main
from imgforge.errors import BuildFailedError, InvalidInputError, RegistryError, TransientError

Capture = pytest.CaptureFixture[str]
DEAD = "http://127.0.0.1:9"
pytestmark = pytest.mark.usefixtures("demo")


@pytest.fixture
def place(tmp_path: Path, archive: Archive, make_deb: Make) -> Place:
    """Make a project and an archive with what it needs."""
    return made_place(tmp_path, archive, make_deb)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after which no archive answers."""

    def kill() -> None:
        for name in ("MIRROR", "SECURITY_MIRROR"):
            monkeypatch.setenv(f"IMGFORGE_DEBIAN_{name}", DEAD)

    return kill


def versions(base: lock.LockedBase) -> dict[str, str]:
    return {p.name: p.version for layer in base.platforms[0].layers for p in layer.packages}


def test_a_lock_is_made_once_and_then_kept_whatever_the_archive_does(
    place: Place, dead: Callable[[], None]
) -> None:
    first = place.update()
    assert first.written
    assert first.pins[0].reasons == ("there was no lock",)
    assert first.pins[0].changes is None
    text, made = place.path.read_bytes(), place.path.stat().st_mtime_ns
    place.offer("demo", "2")
    dead()
    second = place.update()
    assert not second.written
    assert [(p.reasons, p.digest) for p in second.pins] == [((), place.read().runtime.digest)]
    assert (place.path.read_bytes(), place.path.stat().st_mtime_ns) == (text, made)


def test_a_kept_base_is_made_sure_of_in_the_cache(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.update()
    place.archive.asked.clear()
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    assert bases.held(place.read().runtime.digest) is None
    place.update()
    assert bases.held(place.read().runtime.digest) is not None
    assert not [path for path in place.archive.asked if path.startswith("dists/")]


def test_a_locked_package_that_left_the_archive_is_an_error_that_says_how_to_go_on(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.update()
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("IMGFORGE_DEBIAN_SNAPSHOT_MIRROR", f"{place.archive.url}/snapshot")
    del place.archive.files[place.read().runtime.platforms[0].layers[0].packages[0].path]
    text = place.path.read_bytes()
    with pytest.raises(RegistryError) as caught:
        place.update()
    assert "imgforge lock --upgrade" in (caught.value.hint or "")
    assert place.path.read_bytes() == text


@pytest.mark.parametrize("names", [(), ("runtime",), ("demo",)])
def test_an_upgrade_takes_what_is_there_and_says_what_changed(
    place: Place, names: tuple[str, ...]
) -> None:
    place.update()
    old = place.read().runtime
    place.offer("demo", "1.1", "trixie-security")
    outcome = place.update(upgrade=names)
    new = place.read().runtime
    assert versions(new) == {"demo": "1.1"}
    (pin,) = outcome.pins
    assert outcome.written
    assert pin.changes is not None
    assert (pin.changes.old, pin.changes.new) == (old.digest, new.digest)
    assert list(pin.changes.lines()) == ["  demo 1 → 1.1  security"]


def test_a_fix_that_a_point_release_took_over_still_counts_as_one(place: Place) -> None:
    place.update()
    place.offer("demo", "1.1", "trixie-security")
    place.offer("demo", "1.2")
    (pin,) = place.update(upgrade=()).pins
    assert pin.changes is not None
    assert list(pin.changes.lines()) == ["  demo 1 → 1.2  security"]


def test_an_upgrade_with_nothing_new_leaves_the_lock_as_it_was(place: Place) -> None:
    place.update()
    text = place.path.read_bytes()
    place.archive.publish(Date="Sat, 10 Jan 2026 10:00:00 UTC")
    outcome = place.update(upgrade=())
    assert not outcome.written
    assert not outcome.pins[0].changes
    assert place.path.read_bytes() == text


def test_a_dry_run_says_the_same_and_makes_and_writes_nothing(place: Place) -> None:
    place.update()
    text = place.path.read_bytes()
    made = sorted(p.name for p in cache.directory("bases").iterdir())
    place.offer("demo", "1.1", "trixie-security")
    outcome = place.update(upgrade=(), dry_run=True)
    assert not outcome.written
    (pin,) = outcome.pins
    assert pin.digest == ""
    assert pin.changes is not None
    assert list(pin.changes.lines()) == ["  demo 1 → 1.1  security"]
    assert place.path.read_bytes() == text
    assert sorted(p.name for p in cache.directory("bases").iterdir()) == made
    assert not [p for p in place.archive.asked if p.endswith("demo-1.1_1_amd64.deb")]
    place.path.unlink()
    (pin,) = place.update(dry_run=True).pins
    assert pin.reasons == ("there was no lock",)
    assert not place.path.exists()


def test_only_what_no_longer_fits_is_resolved_anew(place: Place) -> None:
    place.update()
    place.offer("extra", "7")
    place.offer("demo", "2")
    place.spec(SPEC.replace('base = "demo"', 'base = "demo"\npackages = ["extra"]'))
    (pin,) = place.update().pins
    assert pin.reasons == ("it was locked without system packages on top",)
    assert versions(place.read().runtime) == {"demo": "2", "extra": "7"}
    place.spec(SPEC.replace('base = "demo"', 'base = "demo"\npackages = ["demo"]'))
    (pin,) = place.update().pins
    assert pin.reasons == ("packages extra were locked, demo are wanted",)
    place.spec(SPEC)
    (pin,) = place.update().pins
    assert pin.reasons == ("it was locked with system packages on top",)


def test_a_builder_keeps_its_pin_while_the_runtime_base_changes(place: Place) -> None:
    first = place.update()
    old = place.read()
    builder = dataclasses.replace(old.runtime)
    lock.write(dataclasses.replace(old, builder=builder), place.path)
    both = (*pins.asked(place.load()), pins.Wanted("builder", "demo", old.inputs.platforms))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pins, "asked", lambda _: both)
        place.offer("demo", "2")
        outcome = place.update(upgrade=("runtime",))
    assert [p.reasons for p in outcome.pins] == [(pins.ASKED,), ()]
    assert versions(place.read().base("runtime")) == {"demo": "2"}
    assert place.read().base("builder") == builder
    assert outcome.pins[1].digest == first.pins[0].digest


def test_a_lock_that_cannot_be_read_is_replaced_only_when_that_was_asked_for(
    place: Place,
) -> None:
    place.update()
    place.path.write_text(place.path.read_text().replace("version = 2", "version = 1"))
    text = place.path.read_text()
    for how in ({}, {"dry_run": True}, {"upgrade": ("runtime",)}):
        with pytest.raises(InvalidInputError, match="version is 1") as caught:
            place.update(**how)
        assert "imgforge lock --upgrade" in (caught.value.hint or "")
        assert place.path.read_text() == text
    (pin,) = place.update(upgrade=()).pins
    assert pin.reasons == (f"{place.path}: version is 1, this imgforge reads 2",)
    assert place.read().runtime.name == "demo"


def test_an_older_archive_than_the_locked_is_refused(place: Place) -> None:
    place.archive.publish(Date="Sat, 10 Jan 2026 10:00:00 UTC")
    place.update()
    text = place.path.read_bytes()
    place.archive.publish()
    for how in ({}, {"dry_run": True}):
        with pytest.raises(TransientError, match="older than the lock"):
            place.update(upgrade=(), **how)
    assert place.path.read_bytes() == text


def test_offline_serves_where_pins_fit_and_are_held(
    place: Place, dead: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.update()
    dead()
    assert not place.update(offline=True).written
    with pytest.raises(InvalidInputError, match="cannot be made offline") as caught:
        place.update(offline=True, upgrade=())
    assert caught.value.details == ("runtime demo: an upgrade was asked for",)
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(BuildFailedError, match="offline") as missing:
        place.update(offline=True)
    assert "demo 1 amd64" in missing.value.details[0]
    place.path.unlink()
    with pytest.raises(InvalidInputError, match="cannot be made offline"):
        place.update(offline=True)


def test_offline_everything_that_is_missing_is_said_at_once(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.update()
    one = place.read().runtime
    other = dataclasses.replace(one, digest="sha256:" + "0" * 64)
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(BuildFailedError, match="2 bases are not in the cache") as caught:
        bases.ensure_all((one, other), offline=True, say=lambda _: None)
    assert sum("demo 1 amd64" in line for line in caught.value.details) == 2


def test_an_unknown_base_cannot_be_upgraded(place: Place) -> None:
    place.update()
    with pytest.raises(InvalidInputError, match="no base nosuch") as caught:
        place.update(upgrade=("runtime", "nosuch"))
    assert "runtime demo" in (caught.value.hint or "")


def test_check_is_silent_about_a_lock_that_fits_and_asks_nobody(
    place: Place, dead: Callable[[], None], capsys: Capture
) -> None:
    assert main(["lock", "--check", str(place.root)]) == 2
    assert "does not exist" in capsys.readouterr().err
    place.update()
    dead()
    place.archive.asked.clear()
    for _ in range(2):
        assert main(["lock", "--check", str(place.root)]) == 0
        assert capsys.readouterr() == ("", "")
    assert place.archive.asked == []


def test_check_names_what_is_stale(place: Place, capsys: Capture) -> None:
    place.update()
    assert main(["lock", "--check", str(place.root)]) == 0

    def complaint() -> str:
        capsys.readouterr()
        assert main(["lock", "--check", str(place.root)]) == 2
        return capsys.readouterr().err

    text = place.path.read_text()
    place.define('[[file]]\npath = "etc/new"\ntext = "x"\n')
    assert "runtime demo: its definition changed since it was locked" in complaint()
    place.update()
    assert main(["lock", "--check", str(place.root)]) == 0
    place.path.write_text(text.replace('name = "demo"\nsource', 'name = "other"\nsource'))
    assert "other was locked, demo is wanted" in complaint()
    place.path.write_text(text.replace("sha256", "sha255", 1))
    assert complaint()
    place.path.write_text(text)
    place.spec(SPEC.replace('name = "acme/web"', 'name = "a/b"\nplatforms = ["linux/arm64"]'))
    assert "platforms: locked" in complaint()


def test_a_lock_known_to_be_good_needs_nothing_but_its_bases(
    place: Place, dead: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.update()
    assert main(["lock", str(place.root)]) == 0
    dead()

    def unread(_: Path) -> project.Project:
        raise AssertionError("the project was read")

    with monkeypatch.context() as patch:
        patch.setattr(project, "load", unread)
        assert main(["lock", "--check", str(place.root)]) == 0
        assert main(["lock", str(place.root)]) == 0
        shutil.rmtree(cache.directory("bases"))
        assert main(["lock", str(place.root)]) == 0
    assert bases.held(place.read().runtime.digest) is not None
    place.spec(SPEC.replace("acme/web", "acme/other"))
    assert main(["lock", "--check", str(place.root)]) == 0
    place.spec(SPEC.replace('base = "demo"', 'base = "nosuch"'))
    assert main(["lock", "--check", str(place.root)]) == 2


def test_settings_that_add_definitions_are_read_at_every_check(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.update()
    config = tmp_path / "config.toml"
    config.write_text(f'bases = ["{place.root.parent / "bases"}"]\n')
    monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
    monkeypatch.delenv("IMGFORGE_BASES")
    assert main(["lock", "--check", str(place.root)]) == 0
    place.define('[[file]]\npath = "etc/new"\ntext = "x"\n')
    assets.fingerprint(assets.folder("bases"))
    assert main(["lock", "--check", str(place.root)]) == 2


def test_the_command_says_what_was_kept_and_prints_the_locks_path(
    place: Place, capsys: Capture
) -> None:
    assert main(["lock", str(place.root)]) == 0
    assert capsys.readouterr().out == f"{place.path}\n"
    assert main(["lock", str(place.root)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{place.path}\n"
    assert "runtime demo: kept (1 packages, sha256:" in captured.err
    place.offer("demo", "2", "trixie-security")
    assert main(["lock", str(place.root), "--upgrade", "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "demo 1 → 2  security" in captured.err
    assert main(["lock", str(place.root), "--format", "json", "--upgrade", "runtime"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["written"] is True
    (base,) = shown["bases"]
    assert base["digest"] == base["changes"]["newDigest"] == place.read().runtime.digest
    assert base["changes"]["packages"] == [
        {
            "type": "deb",
            "name": "demo",
            "old": "1",
            "new": "2",
            "security": True,
            "mends": [],
            "platforms": ["linux/amd64"],
        }
    ]


def test_flags_that_contradict_each_other_or_are_misplaced_are_explained(
    place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["lock", str(place.root), "--check", "--upgrade"]) == 2
    assert "leave out --upgrade" in capsys.readouterr().err
    assert main(["lock", "--upgrade", str(place.root)]) == 2
    assert f"imgforge lock {place.root} --upgrade" in capsys.readouterr().err
    monkeypatch.setenv("IMGFORGE_UPGRADE", "runtime nosuch")
    assert main(["lock", str(place.root)]) == 2
    assert "no base nosuch" in capsys.readouterr().err
    monkeypatch.setenv("IMGFORGE_UPGRADE", "1")
    assert main(["lock", str(place.root)]) == 0
    assert "resolved anew" in capsys.readouterr().err
    monkeypatch.setenv("IMGFORGE_UPGRADE", "")
    monkeypatch.setenv("IMGFORGE_OFFLINE", "1")
    assert main(["lock", str(place.root)]) == 0
    assert "kept" in capsys.readouterr().err


def test_a_build_offline_has_all_of_it_from_the_cache_or_says_what_is_missing(
    place: Place,
    dead: Callable[[], None],
    capsys: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.update()
    (place.root / "web").write_bytes(b"#!")
    dead()
    command = ["build", str(place.root), "--engine", "native", "--offline"]
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    assert main(command) == 4
    assert "demo 1 amd64" in capsys.readouterr().err
    assert main([*command, "--push", "localhost:1/a/b", "--key", "k"]) == 2
    assert "--push cannot be done --offline" in capsys.readouterr().err


def test_the_command_carries_what_a_lock_needs_to_another_machine(
    place: Place,
    dead: Callable[[], None],
    capsys: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.update()
    carried = tmp_path / "bases.tar"
    assert main(["lock", str(place.root), "--export", str(carried)]) == 0
    assert capsys.readouterr().out.startswith("sha256:")
    dead()
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    assert main(["lock", str(place.root), "--offline"]) == 4
    assert "lock --import" in capsys.readouterr().err
    assert main(["lock", str(place.root), "--import", str(carried), "--offline"]) == 0
    assert "1 files were new" in capsys.readouterr().err
    assert main(["lock", str(place.root), "--offline"]) == 0
    both = ["--import", str(carried), "--export", str(carried)]
    assert main(["lock", str(place.root), *both]) == 2
    assert main(["lock", str(place.root), "--import", str(tmp_path / "nosuch.tar")]) == 2
    carried.write_bytes(carried.read_bytes()[:1024])
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "third"))
    assert main(["lock", str(place.root), "--import", str(carried)]) == 2
