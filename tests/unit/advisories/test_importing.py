from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
import zstandard
from madeadvisories import NOW, advisory, before, bring, component, source

from imgforge.advisories import exported
from imgforge.advisories.database import open_database
from imgforge.advisories.given import Given
from imgforge.advisories.importing import import_all
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.signing import KeySigner, blob, load_public
from imgforge.signing import key as keys

ONE = advisory("T-1", "web", *before("2"))
TWO = advisory("T-2", "web", *before("3"))
WEB = component("pypi", "web", "1")


def hits(path: Path) -> list[str]:
    with open_database(path) as db:
        return [match.advisory.id for match in db.match([WEB], None)[0]]


def identity(path: Path) -> str:
    with open_database(path) as db:
        return db.identity


FORMS = ["zip", "tar.gz", "tar.zst", "jsonl", "jsonl.gz", "json", "folder", "yaml"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_recognised_by_its_content(tmp_path: Path, form: str) -> None:
    path = tmp_path / "feed"
    lines = "".join(json.dumps(each) + "\n" for each in (ONE, TWO)).encode()
    if form == "zip":
        source(path, ONE, TWO)
    elif form.startswith("tar"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as out:
            for each in (ONE, TWO):
                data = json.dumps(each).encode()
                member = tarfile.TarInfo(f"osv/{each['id']}.json")
                member.size = len(data)
                out.addfile(member, io.BytesIO(data))
        pack = gzip.compress if form == "tar.gz" else zstandard.compress
        path.write_bytes(pack(packed.getvalue()))
    elif form == "jsonl":
        path.write_bytes(lines)
    elif form == "jsonl.gz":
        path.write_bytes(gzip.compress(lines))
    elif form == "json":
        path.write_text(json.dumps(ONE, indent=2))
    else:
        (path / "deep/er").mkdir(parents=True)
        (path / ".git").mkdir()
        (path / ".git/x.json").write_text("no advisory")
        (path / "README.md").write_text("no advisory")
        import yaml

        for each in (ONE, TWO):
            text = yaml.safe_dump(each) if form == "yaml" else json.dumps(each)
            suffix = "yaml" if form == "yaml" else "json"
            (path / f"deep/er/{each['id']}.{suffix}").write_text(text)
    found = bring(tmp_path / "db", path)
    assert found.records == (1 if form == "json" else 2)
    assert hits(tmp_path / "db") == (["T-1"] if form == "json" else ["T-1", "T-2"])


def test_only_what_changed_is_written_and_what_vanished_is_removed(tmp_path: Path) -> None:
    db = tmp_path / "db"
    assert bring(db, source(tmp_path / "1.zip", ONE, TWO))[4:7] == (2, 2, 0)
    assert bring(db, source(tmp_path / "2.zip", ONE, TWO))[4:7] == (2, 0, 0)
    changed = {**TWO, "modified": "2026-03-01T00:00:00Z", "summary": "other"}
    assert bring(db, source(tmp_path / "3.zip", ONE, changed))[4:7] == (2, 1, 1)
    assert bring(db, source(tmp_path / "4.zip", changed))[4:7] == (1, 0, 1)
    assert hits(db) == ["T-2"]


def test_a_part_takes_the_place_of_its_own_advisories_only(tmp_path: Path) -> None:
    db = tmp_path / "db"
    bring(db, source(tmp_path / "1.zip", ONE, TWO))
    changed = {**TWO, "withdrawn": "2026-03-01T00:00:00Z"}
    bring(db, source(tmp_path / "2.zip", changed), keep=True)
    assert hits(db) == ["T-1"]


def test_the_identity_is_of_the_content_and_not_of_how_it_came(tmp_path: Path) -> None:
    bring(tmp_path / "a", source(tmp_path / "1.zip", ONE, TWO))
    bring(tmp_path / "b", source(tmp_path / "2.zip", TWO))
    second = identity(tmp_path / "b")
    bring(tmp_path / "b", source(tmp_path / "3.zip", ONE), name="more")
    assert identity(tmp_path / "a") == identity(tmp_path / "b") != second


def test_a_malformed_advisory_fails_the_import_and_is_named(tmp_path: Path) -> None:
    db = tmp_path / "db"
    bring(db, source(tmp_path / "1.zip", ONE))
    before_ = db.read_bytes()
    path = source(tmp_path / "2.zip", TWO, {**TWO, "id": "T-3", "modified": "soon"})
    with pytest.raises(InvalidInputError) as caught:
        bring(db, path)
    assert caught.value.details == ("2.zip!/1/T-3.json: modified is 'soon', which is no time",)
    assert db.read_bytes() == before_
    found = bring(db, path, skip=True)
    assert found.passed == 1
    with open_database(db) as opened:
        assert opened.status().malformed == 1


def test_readers_go_on_reading_the_old_database(tmp_path: Path) -> None:
    db = tmp_path / "db"
    bring(db, source(tmp_path / "1.zip", ONE))
    with open_database(db) as opened:
        old = opened.identity
        bring(db, source(tmp_path / "2.zip", TWO))
        assert opened.identity == old
        assert [m.advisory.id for m in opened.match([WEB], None)[0]] == ["T-1"]
    assert hits(db) == ["T-2"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [".db.lock", "1.zip", "2.zip", "db"]


def test_a_digest_is_demanded(tmp_path: Path) -> None:
    path = source(tmp_path / "1.zip", ONE)
    with pytest.raises(EvidenceError):
        import_all(
            [Given("a", path, sha256="0" * 64)], tmp_path / "db", now=NOW, say=lambda _: None
        )
    assert not (tmp_path / "db").exists()


def test_a_signature_is_demanded(tmp_path: Path) -> None:
    private, public = keys.generate(tmp_path / "feed", b"secret")
    path, bundle = source(tmp_path / "1.zip", ONE), tmp_path / "1.zip.sigstore.json"
    given = Given("a", path, key=load_public(public), bundle=bundle)
    with pytest.raises(InvalidInputError, match="cannot read the signature"):
        import_all([given], tmp_path / "db", now=NOW, say=lambda _: None)
    bundle.write_bytes(blob.sign(path.read_bytes(), KeySigner.open(private, b"secret")))
    (found,) = import_all([given], tmp_path / "db", now=NOW, say=lambda _: None)
    assert found.signed == f"key {load_public(public).fingerprint}"
    source(path, TWO)
    with pytest.raises(EvidenceError, match="not signed by the key"):
        import_all([given], tmp_path / "db", now=NOW, say=lambda _: None)
    assert hits(tmp_path / "db") == ["T-1"]


def test_exploited_and_probable_cves_are_kept(tmp_path: Path) -> None:
    kev = {
        "title": "CISA Catalog",
        "catalogVersion": "2026.05.01",
        "dateReleased": "2026-05-01T12:00:00.1234Z",
        "vulnerabilities": [{"cveID": "CVE-2026-0001"}, {"cveID": "CVE-2026-0002"}],
    }
    (tmp_path / "kev.json").write_text(json.dumps(kev))
    scores = "#model_version:v2025.03.14,score_date:2026-05-02T00:00:00+0000\ncve,epss,percentile\n"
    epss = gzip.compress((scores + "CVE-2026-0001,0.5,0.9\n").encode())
    (tmp_path / "epss.csv.gz").write_bytes(epss)
    db = tmp_path / "db"
    bring(db, tmp_path / "kev.json", name="kev")
    without = identity(db)
    bring(db, tmp_path / "epss.csv.gz", name="epss")
    with open_database(db) as opened:
        asked = ["CVE-2026-0001", "CVE-2026-9999"]
        assert opened.exploited(asked) == {"CVE-2026-0001"}
        assert opened.probabilities(asked) == {"CVE-2026-0001": 0.5}
        status = opened.status()
    assert (status.kev, status.epss) == ("2026-05-01", "2026-05-02")
    assert identity(db) != without
    kev["vulnerabilities"] = [{"cveID": "CVE-2026-0003"}]
    (tmp_path / "kev.json").write_text(json.dumps(kev))
    bring(db, tmp_path / "kev.json", name="kev")
    with open_database(db) as opened:
        assert opened.exploited(asked) == set()


def test_a_source_does_not_change_its_kind(tmp_path: Path) -> None:
    bring(tmp_path / "db", source(tmp_path / "1.zip", ONE))
    (tmp_path / "epss").write_text(
        "#model_version:v1,score_date:2026-05-02T00:00:00Z\ncve,epss\nCVE-2026-0001,0.5\n"
    )
    with pytest.raises(InvalidInputError, match="was of kind osv and is now of kind epss"):
        bring(tmp_path / "db", tmp_path / "epss")


def test_an_exported_database_is_the_same_elsewhere(tmp_path: Path) -> None:
    bring(tmp_path / "db", source(tmp_path / "1.zip", ONE, TWO))
    with open_database(tmp_path / "db") as opened:
        digest = exported.export(opened, tmp_path / "out.zst", lambda _: None)
    given = Given("out", tmp_path / "out.zst", sha256=digest.removeprefix("sha256:"))
    assert exported.bring(given, tmp_path / "there/db", lambda _: None) == "digest"
    assert identity(tmp_path / "there/db") == identity(tmp_path / "db")
    assert hits(tmp_path / "there/db") == ["T-1", "T-2"]


def test_a_source_that_had_not_changed_is_noted_to_be_fresh(tmp_path: Path) -> None:
    bring(tmp_path / "db", source(tmp_path / "1.zip", ONE))
    later = NOW + dt.timedelta(days=3)
    import_all([], tmp_path / "db", unchanged=["made"], now=later, say=lambda _: None)
    with open_database(tmp_path / "db") as opened:
        (found,) = opened.status().sources
    assert found.imported == "2026-06-04T00:00:00Z"
    assert found.age(later.date()) == 0
