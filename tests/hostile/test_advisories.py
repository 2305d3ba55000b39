"""Advisories, sources and databases of people who mean harm, and imports that end badly."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from madeadvisories import advisory, before, bring, component, source

from imgforge.advisories import feed, importing, osv, schema
from imgforge.advisories.database import open_database
from imgforge.errors import InvalidInputError

ONE = advisory("T-1", "web", *before("2"))
WEB = component("pypi", "web", "1")


def refused(db: Path, path: Path, said: str) -> InvalidInputError:
    with pytest.raises(InvalidInputError, match=said) as caught:
        bring(db, path)
    assert not db.exists()
    assert [p.name for p in db.parent.glob(".new-*")] == []
    return caught.value


def test_a_member_that_unpacks_to_gigabytes_is_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out, out.open("a.json", "w") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    refused(tmp_path / "db", path, "a.json.* is over 16777216 bytes")


def test_a_source_may_not_unpack_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "EXPANDED", 1 << 20)
    many = source(tmp_path / "a.zip", *({**ONE, "details": "x" * 300_000} for _ in range(8)))
    refused(tmp_path / "db", many, "unpacks to over")
    (tmp_path / "b.gz").write_bytes(gzip.compress(json.dumps(ONE).encode() + b" " * (2 << 20)))
    refused(tmp_path / "db", tmp_path / "b.gz", "unpacks to over")


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "T-1", "id": "T-2", "modified": "2026-01-01T00:00:00Z"}',
        '{"id": "T-1", "modified": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"id": "T-1", "modified": NaN}',
        '{"id": "T-1", "summary": "\\ud800", "modified": "2026-01-01T00:00:00Z"}',
        "[]",
        "",
        "\x00" * 100,
        "not JSON",
    ],
)
def test_documents_with_two_meanings_or_none_are_malformed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("x.json", text)
    error = refused(tmp_path / "db", path, "malformed")
    assert error.details[0].startswith("a.zip!/x.json: ")


@pytest.mark.parametrize("cut", [1, 20, 60, 100])
def test_a_truncated_dump_is_not_half_imported(tmp_path: Path, cut: int) -> None:
    path = source(tmp_path / "a.zip", ONE, {**ONE, "id": "T-2"})
    path.write_bytes(path.read_bytes()[:-cut])
    refused(tmp_path / "db", path, "damaged")
    packed = gzip.compress(json.dumps(ONE).encode())
    (tmp_path / "b.gz").write_bytes(packed[: -min(cut, 40)])
    refused(tmp_path / "db", tmp_path / "b.gz", "cannot be unpacked|malformed")


def test_names_are_data_to_sql_and_to_the_terminal(tmp_path: Path) -> None:
    evil = "x'); DROP TABLE advisory; --"
    path = source(tmp_path / "a.zip", advisory("T-1", evil, *before("2")))
    bring(tmp_path / "db", path, name="'; DELETE FROM source; --")
    with open_database(tmp_path / "db") as db:
        (match,), _ = db.match([component("pypi", evil, "1")], None)
        assert db.exploited(["' OR 1=1 --"]) == set()
    assert match.advisory.id == "T-1"
    shown = osv.read({**ONE, "summary": "a\x1b[31m\nb"}).summary
    assert shown.isprintable()


def test_ids_are_no_paths(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("../../../\x1b[2Jetc.json", json.dumps({**ONE, "id": "../../etc/passwd"}))
    error = refused(tmp_path / "db", path, "malformed")
    assert error.details[0].isprintable()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".db.lock", "a.zip"]


def test_a_time_that_has_not_come_does_not_make_an_advisory_count_for_ever(tmp_path: Path) -> None:
    late = {**ONE, "modified": "9999-12-31T23:59:59Z", "withdrawn": "2026-01-01T00:00:00Z"}
    error = refused(tmp_path / "db", source(tmp_path / "a.zip", late), "malformed")
    assert "has not come yet" in error.details[0]


def test_a_hundred_thousand_versions_are_matched_in_time(tmp_path: Path) -> None:
    versions = [f"{n}.0" for n in range(100_000)]
    bring(tmp_path / "db", source(tmp_path / "a.zip", advisory("T-1", "web", versions=versions)))
    with open_database(tmp_path / "db") as db:
        begun = time.process_time()
        matches, _ = db.match([component("pypi", "web", "99999.0")], None)
        assert time.process_time() - begun < 5
    assert len(matches) == 1


def test_yaml_bombs_do_not_go_off(tmp_path: Path) -> None:
    lines = ["id: T-1", "modified: 2026-01-01T00:00:00Z", "base: &v"]
    lines += [f"- {n}.0" for n in range(10_000)] + ["affected:"]
    lines += ["- {package: {ecosystem: PyPI, name: web}, versions: *v}"] * 1000
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / "a.yaml").write_text("\n".join(lines))
    error = refused(tmp_path / "db", folder, "malformed")
    assert "anchors or aliases" in error.details[0]
    (folder / "a.yaml").write_text("id: !!python/object/apply:os.system [true]\n")
    refused(tmp_path / "db", folder, "malformed")


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    folder.mkdir()
    (tmp_path / "secret.json").write_text("secret")
    (folder / "a.json").symlink_to(tmp_path / "secret.json")
    (folder / "b").symlink_to(tmp_path)
    error = refused(tmp_path / "db", folder, "has no advisories")
    assert "secret" not in error.message


def test_duplicate_ids_in_one_source_count_by_their_time(tmp_path: Path) -> None:
    newer = {**ONE, "modified": "2026-02-01T00:00:00Z", "withdrawn": "2026-02-01T00:00:00Z"}
    bring(tmp_path / "db", source(tmp_path / "a.zip", newer, ONE))
    with open_database(tmp_path / "db") as db:
        assert db.match([WEB], None)[0] == []


@pytest.mark.parametrize("damage", ["garbage", "empty", "half", "flip", "foreign", "tables", "old"])
def test_a_database_that_is_none_is_an_error_and_no_crash(tmp_path: Path, damage: str) -> None:
    db = tmp_path / "db"
    bring(db, source(tmp_path / "a.zip", *({**ONE, "id": f"T-{n}"} for n in range(500))))
    data = bytearray(db.read_bytes())
    if damage == "garbage":
        db.write_bytes(os.urandom(100_000))
    elif damage == "empty":
        db.write_bytes(b"")
    elif damage == "half":
        db.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        for at in range(8192, len(data), 97):
            data[at] ^= 0xFF
        db.write_bytes(data)
    else:
        with sqlite3.connect(db) as connection:
            connection.execute(
                {
                    "foreign": "PRAGMA application_id = 1",
                    "tables": "CREATE VIEW evil AS SELECT * FROM advisory",
                    "old": f"PRAGMA user_version = {schema.VERSION + 1}",
                }[damage]
            )
        connection.close()

    def use() -> None:
        with open_database(db) as opened:
            opened.match([WEB], None)
            opened.status()

    with pytest.raises(InvalidInputError) as caught:
        use()
    assert str(db) in caught.value.message


@pytest.mark.parametrize("ranges", ["nonsense", "1\t<", "\t<\t(", "\t?\tx"])
def test_rows_that_are_damaged_are_an_error_and_no_crash(tmp_path: Path, ranges: str) -> None:
    db = tmp_path / "db"
    bring(db, source(tmp_path / "a.zip", ONE))
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE affected SET ranges = ?", (ranges,))
    connection.close()
    with open_database(db) as opened, pytest.raises(InvalidInputError, match="damaged"):
        opened.match([WEB], None)


@pytest.mark.parametrize("when", ["", "never", "2026-13-01T00:00:00Z", "\x1b[2J"])
def test_a_source_of_no_day_is_an_error_and_no_crash(tmp_path: Path, when: str) -> None:
    from imgforge.vulnerabilities.scan import known

    db = tmp_path / "db"
    bring(db, source(tmp_path / "a.zip", ONE))
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE source SET imported = ?", (when,))
    connection.close()
    with open_database(db) as opened:
        with pytest.raises(InvalidInputError, match="damaged"):
            known(opened)
        with pytest.raises(InvalidInputError, match="damaged"):
            opened.status()


def test_an_exported_database_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    from imgforge.advisories import exported
    from imgforge.advisories.given import Given

    db = tmp_path / "db"
    bring(db, source(tmp_path / "a.zip", ONE))
    data = db.read_bytes()
    for change in (
        "DELETE FROM advisory",
        "CREATE TRIGGER evil AFTER INSERT ON content BEGIN SELECT 1; END",
    ):
        db.write_bytes(data)
        with sqlite3.connect(db) as connection:
            connection.execute(change)
        connection.close()
        with pytest.raises(InvalidInputError):
            exported.bring(Given("x", db), tmp_path / "target", lambda _: None)
        assert not (tmp_path / "target").exists()


def test_a_full_disk_leaves_the_old_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = tmp_path / "db"
    bring(db, source(tmp_path / "a.zip", ONE))
    old = db.read_bytes()
    made = schema.writable

    def full(path: Path) -> sqlite3.Connection:
        connection = made(path)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(schema, "writable", full)
    many: list[dict[str, Any]] = [{**ONE, "id": f"T-{n}", "summary": "x" * 400} for n in range(999)]
    with pytest.raises(InvalidInputError, match="full"):
        bring(db, source(tmp_path / "b.zip", *many))
    assert db.read_bytes() == old
    assert [p.name for p in tmp_path.glob(".new-*")] == []


_KILLED = """\
import datetime as dt, os, signal, sys
from pathlib import Path
from imgforge.advisories import replacement
from imgforge.advisories.given import Given
from imgforge.advisories.importing import import_all
import imgforge.advisories.importing as importing
importing.finish = lambda _: os.kill(os.getpid(), signal.SIGKILL)
import_all([Given("made", Path(sys.argv[1]))], Path(sys.argv[2]), now=dt.datetime.now(dt.UTC),
           say=lambda _: None)
"""


def test_a_killed_import_leaves_the_old_database(tmp_path: Path) -> None:
    db = tmp_path / "db"
    bring(db, source(tmp_path / "a.zip", ONE))
    old = db.read_bytes()
    path = source(tmp_path / "b.zip", {**ONE, "id": "T-2"})
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path), str(db)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert db.read_bytes() == old
    assert [p.name for p in tmp_path.glob(".new-*")] == [".new-db"]
    bring(db, path)
    with open_database(db) as opened:
        assert [m.advisory.id for m in opened.match([WEB], None)[0]] == ["T-2"]
    assert [p.name for p in tmp_path.glob(".new-*")] == []


def test_malformed_advisories_are_told_up_to_a_number(tmp_path: Path) -> None:
    bad = [{**ONE, "id": f"T-{n}", "modified": ""} for n in range(100)]
    error = refused(tmp_path / "db", source(tmp_path / "a.zip", *bad), "malformed")
    assert len(error.details) == importing.SHOWN + 1
