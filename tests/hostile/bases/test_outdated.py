"""How far a lock is behind, told by an archive and a registry that move on, lie or are away."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path

import pytest
from fakeregistry import FakeRegistry, serve
from lockedproject import SPEC, Archive, Make, Place, made_place

from imgforge import cache, lock, outdated
from imgforge.cli.main import main
from imgforge.errors import RegistryError, TransientError
from imgforge.oci.types import INDEX, Platform, sha256

Capture = pytest.CaptureFixture[str]
TODAY = dt.date(2026, 1, 10)
SUPPORTED = dt.date(2100, 1, 1)

pytestmark = pytest.mark.usefixtures("demo")


@pytest.fixture
def place(tmp_path: Path, archive: Archive, make_deb: Make) -> Place:
    """Make a project with a lock."""
    made = made_place(tmp_path, archive, make_deb)
    made.update()
    return made


def examine(place: Place, *, within: int = 90, today: dt.date = TODAY) -> outdated.State:
    (state,) = outdated.examine(place.load(), within=within, today=today, say=lambda _: None)
    return state


def test_nothing_waits_where_nothing_changed(place: Place) -> None:
    state = examine(place)
    assert state.kinds == frozenset()
    assert list(state.lines()) == []
    assert (state.end_of_life, state.left) == (SUPPORTED, (SUPPORTED - TODAY).days)


def test_updates_that_wait_are_listed_and_security_is_marked(place: Place) -> None:
    place.offer("demo", "1.1")
    assert examine(place).kinds == {"any"}
    place.offer("demo", "1.2", "trixie-security")
    text, made = place.path.read_bytes(), sorted(cache.directory("bases").iterdir())
    place.archive.asked.clear()
    state = examine(place)
    assert state.kinds == {"any", "security"}
    assert list(state.lines()) == ["  demo 1 → 1.2  security"]
    assert not [path for path in place.archive.asked if path.startswith("pool/")]
    assert (place.path.read_bytes(), sorted(cache.directory("bases").iterdir())) == (text, made)


def test_newer_archives_are_told_and_do_not_count_by_themselves(place: Place) -> None:
    place.archive.publish(Date="Sat, 10 Jan 2026 09:00:00 UTC")
    state = examine(place)
    assert state.kinds == frozenset()
    assert "archive trixie: 2026-01-09T10:00:00Z → 2026-01-10T09:00:00Z" in list(state.lines())


@pytest.mark.parametrize(
    ("left", "within", "said"),
    [
        (91, 90, ""),
        (90, 90, "support ends in 90 days, on 2100-01-01"),
        (0, 0, "support ends in 0 days, on 2100-01-01"),
        (1, 0, ""),
        (-1, 0, "support ended 1 day ago, on 2100-01-01"),
    ],
)
def test_support_that_ends_counts_from_so_many_days_before(
    place: Place, left: int, within: int, said: str
) -> None:
    state = examine(place, within=within, today=SUPPORTED - dt.timedelta(left))
    assert state.kinds == ({"any", "eol"} if said else set())
    assert list(state.lines()) == ([said] if said else [])


def test_a_definition_that_changed_waits(place: Place) -> None:
    place.define('[[file]]\npath = "etc/new"\ntext = "x"\n')
    state = examine(place)
    assert state.kinds == {"any"}
    assert state.to_json()["stale"] == ["its definition changed since it was locked"]


def test_an_archive_that_is_away_behind_or_lies_never_means_that_nothing_waits(
    place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.archive.publish(Date="Sat, 10 Jan 2026 10:00:00 UTC")
    place.offer("demo", "2", Date="Sat, 10 Jan 2026 10:00:00 UTC")
    place.update(upgrade=())
    place.archive.publish()
    with pytest.raises(TransientError, match="older than the lock"):
        examine(place)
    assert main(["outdated", str(place.root)]) == 75
    path = "dists/trixie/InRelease"
    signed = place.archive.files[path]
    place.archive.files[path] = signed.replace(b"Suite: trixie", b"Suite: Trixie")
    with pytest.raises(RegistryError, match="no valid signature"):
        examine(place)
    assert main(["outdated", str(place.root)]) == 6
    for name in ("MIRROR", "SECURITY_MIRROR"):
        monkeypatch.setenv(f"IMGFORGE_DEBIAN_{name}", "http://127.0.0.1:9")
    assert main(["outdated", str(place.root), "--fail-on", "eol"]) == 75
    assert capsys.readouterr().out == ""


def test_a_missing_or_stale_lock_is_no_answer(place: Place, capsys: Capture) -> None:
    place.spec(SPEC.replace('base = "demo"', 'base = "demo"\npackages = ["demo"]'))
    assert main(["outdated", str(place.root)]) == 2
    place.path.unlink()
    assert main(["outdated", str(place.root)]) == 2
    assert capsys.readouterr().out == ""


def test_the_exit_code_is_a_gate_on_what_counts(
    place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["outdated", str(place.root)]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[0] == "runtime demo: up to date"
    place.offer("demo", "1.1")
    assert main([*command, "--fail-on", "security", "--fail-on", "eol"]) == 0
    capsys.readouterr()
    assert main(command) == 10
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "runtime demo: 1 package change",
        "    demo 1 → 1.1",
    ]
    assert f"imgforge lock {place.root} --upgrade" in captured.err
    assert main([*command, "--fail-on", "security"]) == 0
    assert main([*command, "--fail-on", "eol", "--within", "99999"]) == 10
    place.offer("demo", "1.2", "trixie-security")
    monkeypatch.setenv("IMGFORGE_OUTDATED_FAIL_ON", "security")
    capsys.readouterr()
    assert main([*command, "--format", "json"]) == 10
    (base,) = json.loads(capsys.readouterr().out)["bases"]
    assert base["waiting"] == ["any", "security"]
    assert base["changes"]["packages"][0]["new"] == "1.2"
    assert (base["role"], base["name"], base["endOfLife"]) == ("runtime", "demo", "2100-01-01")
    for wrong in ("-1", "x", "1.5", "999999"):
        assert main([*command, f"--within={wrong}"]) == 2
    monkeypatch.setenv("IMGFORGE_WITHIN", "soon")
    assert main(command) == 2


def test_a_registrys_tag_that_moved_waits(place: Place, capsys: Capture) -> None:
    old, new = b'{"schemaVersion":2,"manifests":[]}', b'{"schemaVersion":2,"manifests":[ ]}'
    with serve(FakeRegistry()) as registry:
        for data in (old, new):
            registry.manifests[sha256(data)] = (INDEX, data)
        registry.tags["13"] = sha256(old)
        name = f"{registry.place}/team/base"
        reference = f"{name}@{sha256(old)}"
        place.spec(SPEC.replace('base = "demo"', f'base = "{reference}"'))
        amd64 = lock.LockedPlatform(Platform("linux", "amd64"), sha256(old), ())
        base = lock.LockedBase(
            reference, "registry", name, sha256(old), 0, "", (), (amd64,), tag="13"
        )
        project = place.load()
        lock.write(lock.Lock(project.lock_inputs(), base), place.path)
        assert examine(place).kinds == frozenset()
        registry.tags["13"] = sha256(new)
        state = examine(place)
        assert state.moved == sha256(new)
        assert list(state.lines()) == [f"its tag now names {sha256(new)}"]
        assert state.end_of_life is None
        assert main(["outdated", str(place.root)]) == 10
        # A base that was made out of the registry's is behind when the registry's moves.
        flattened = dataclasses.replace(base, digest=sha256(b"flat"), upstream=sha256(new))
        lock.write(lock.Lock(project.lock_inputs(), flattened), place.path)
        assert examine(place).moved == ""
        lock.write(lock.Lock(project.lock_inputs(), dataclasses.replace(base, tag="")), place.path)
        assert examine(place).kinds == frozenset()
        del registry.tags["13"]
        lock.write(lock.Lock(project.lock_inputs(), base), place.path)
        assert main(["outdated", str(place.root)]) == 6
    assert main(["outdated", str(place.root)]) == 75
    assert "up to date" not in capsys.readouterr().out
