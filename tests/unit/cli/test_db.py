from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from madeadvisories import advisory, before, source

from imgforge.advisories import whereabouts
from imgforge.cli.main import main

ONE = advisory("T-1", "web", *before("2"))


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "made.sqlite"
    monkeypatch.setenv("IMGFORGE_DB", str(path))
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - decoded JSON
    return json.loads(capsys.readouterr().out)


def test_import_prints_the_digest_and_status_tells_of_it(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = source(tmp_path / "all.zip", ONE)
    assert main(["db", "import", "--source", "osv", str(path)]) == 0
    digest = capsys.readouterr().out.strip()
    assert main(["db", "status", "--format", "json"]) == 0
    status = printed(capsys)
    assert status["digest"] == digest
    assert status["path"] == str(db)
    assert status["ecosystems"] == {"PyPI": {"advisories": 1, "newest": "2026-01-02T00:00:00Z"}}
    (found,) = status["sources"]
    assert (found["name"], found["age_days"], found["signed"]) == ("osv", 0, "")
    assert main(["db", "status"]) == 0
    text = capsys.readouterr().out
    assert digest in text
    assert "no list (KEV) is imported" in text


def test_malformed_advisories_are_an_error_or_a_warning(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = source(tmp_path / "all.zip", ONE, {**ONE, "id": "T-2", "modified": ""})
    assert main(["db", "import", str(path)]) == 2
    assert "T-2.json: modified is '', which is no time" in capsys.readouterr().err
    assert not db.exists()
    assert main(["db", "import", "--skip-malformed", str(path)]) == 0
    assert "1 malformed advisories were passed over" in capsys.readouterr().err
    assert main(["db", "status"]) == 0
    assert "1 malformed advisories were passed over" in capsys.readouterr().err


@pytest.mark.usefixtures("db")
def test_an_export_is_imported_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["db", "import", str(source(tmp_path / "all.zip", ONE))])
    capsys.readouterr()
    out = tmp_path / "out.zst"
    assert main(["db", "export", str(out), "--format", "json"]) == 0
    exported = printed(capsys)
    monkeypatch.setenv("IMGFORGE_DB", str(tmp_path / "there.sqlite"))
    assert main(["db", "import", "--sha256", "0" * 64, str(out)]) == 5
    assert main(["db", "import", "--sha256", exported["sha256"], str(out), "--format", "json"]) == 0
    assert printed(capsys)["digest"] == exported["digest"]


def test_settings_may_demand_a_signature(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from imgforge.signing import key as keys

    _, public = keys.generate(tmp_path / "feed", b"secret")
    config = tmp_path / "config.toml"
    config.write_text(f'[advisories]\nkey = "{public.name}"\n')
    monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
    assert main(["db", "import", str(source(tmp_path / "all.zip", ONE))]) == 2
    assert "cannot read the signature" in capsys.readouterr().err
    assert not db.exists()


def test_update_needs_sources(
    db: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("")
    monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
    assert main(["db", "update"]) == 2
    assert "name no sources" in capsys.readouterr().err
    config.write_text('[advisories]\nsources = ["http://osv.example.com/all.zip"]\n')
    assert main(["db", "update"]) == 6
    assert "not encrypted" in capsys.readouterr().err
    assert not db.exists()


def test_status_without_a_database_says_how_to_make_one(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", "status"]) == 2
    said = capsys.readouterr().err
    assert str(db) in said
    assert "imgforge db import" in said


def test_a_digest_that_is_none_is_refused(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "import", "--sha256", "abc", "x.zip"]) == 2
    assert "no sha256 digest" in capsys.readouterr().err
    assert not db.exists()


def test_doctor_says_how_old_the_database_is(db: Path, tmp_path: Path) -> None:
    from imgforge import doctor

    missing = doctor._advisories()
    assert (missing.ok, missing.hint) == (False, whereabouts.FILL)
    main(["db", "import", str(source(tmp_path / "all.zip", ONE))])
    there = doctor._advisories()
    assert there.ok
    assert there.detail.startswith("1 ecosystems, oldest source of 20")
    assert there.detail.endswith(str(db))
    db.write_bytes(b"garbage")
    assert not doctor._advisories().ok
