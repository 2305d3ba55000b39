"""Predicates from outside: their types, and files that are plainly of another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.signing import predicate, statement

GOOD = {
    "spdx": {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": []},
    "cyclonedx": {"bomFormat": "CycloneDX", "specVersion": "1.6"},
    "provenance": {"buildDefinition": {}, "runDetails": {}},
    "findings": {"scanner": "imgforge 0.1", "findings": []},
    "vuln": {
        "scanner": {"uri": "https://example.com/scanner", "result": {}},
        "metadata": {"scanFinishedOn": "2026-11-28T00:00:00Z"},
    },
}


@pytest.mark.parametrize("kind", GOOD)
def test_each_known_type_is_told_from_all_others(kind: str, tmp_path: Path) -> None:
    uri = predicate.type_of(kind)
    for name, value in GOOD.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value))
        if name == kind:
            assert predicate.read(uri, path) == path.read_bytes()
        else:
            with pytest.raises(InvalidInputError, match=r"\.json is not "):
                predicate.read(uri, path)


def test_spdx_3_is_spdx(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}')
    predicate.read(statement.SPDX, path)


def test_any_uri_will_do_for_any_object(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"reviewed": true}')
    assert predicate.type_of("https://example.com/review/v1") == "https://example.com/review/v1"
    predicate.read("https://example.com/review/v1", path)


@pytest.mark.parametrize("name", ["", "sbom", "no uri", "https://a b", "spdx\n"])
def test_what_is_neither_name_nor_uri_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="no predicate type"):
        predicate.type_of(name)


def test_a_signature_is_no_attestation() -> None:
    with pytest.raises(InvalidInputError, match="says that an image is signed"):
        predicate.type_of(statement.SIGNATURE)


@pytest.mark.parametrize("text", ["", "[]", "7", '{"a": 1, "a": 2}', "{"])
def test_what_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match="is no JSON object"):
        predicate.read("https://example.com/x", path)


def test_a_whole_statement_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"_type": statement.STATEMENT, "predicate": GOOD["spdx"]}))
    with pytest.raises(InvalidInputError) as raised:
        predicate.read(statement.SPDX, path)
    assert "predicate alone" in str(raised.value.hint)


def test_a_file_that_is_too_large_or_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInputError, match="cannot read the predicate"):
        predicate.read("https://example.com/x", tmp_path / "none")
    monkeypatch.setattr(predicate, "_MOST", 3)
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    with pytest.raises(InvalidInputError, match="is over 3 bytes"):
        predicate.read("https://example.com/x", path)
