"""SBOMs that somebody wrote to do harm, or that are merely broken: one error, and its place."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from madeinventory import whole

from imgforge.errors import InvalidInputError
from imgforge.sbom import cyclonedx, document, fields, spdx, spdx3

SPDX: dict[str, Any] = json.loads(spdx.render(whole(), name="acme/web", created=1))
SPDX3: dict[str, Any] = json.loads(spdx3.render(whole(), name="acme/web", created=1))
CYCLONEDX: dict[str, Any] = json.loads(cyclonedx.render(whole(), name="acme/web", created=1))


def refused(data: bytes) -> str:
    with pytest.raises(InvalidInputError) as caught:
        document.read(data, "in/some.json")
    error = caught.value
    told = "\n".join((error.message, *error.details, error.hint or ""))
    assert error.message.startswith("in/some.json")
    assert len(told) < 600
    assert told.replace("\n", "").isprintable()
    return error.message


def changed(value: dict[str, Any], **fields: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({**value, **fields}).encode()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no JSON object"),
        (b"[1]", "no JSON object"),
        (b"{", "Expecting"),
        (b'{"spdxVersion": "\xff"}', "utf-8"),
        (b'{"spdxVersion": "SPDX-2.3", "spdxVersion": "SPDX-2.2"}', "repeats a key"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'{"bomFormat": NaN}', "NaN"),
        (b'{"bomFormat": "cyclonedx", "specVersion": "1.6"}', "neither spdxVersion"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "2.0"}', "CycloneDX '2.0' is not read"),
        (b'{"bomFormat": "CycloneDX", "specVersion": 1.6}', "specVersion: there is no text"),
        (b'{"bomFormat": "CycloneDX"}', "specVersion: there is no text"),
        (b'{"spdxVersion": "SPDX-4.0"}', "'SPDX-4.0' is not read"),
        (b'{"spdxVersion": ["SPDX-2.3"]}', "spdxVersion: there is no text, but a list"),
        (b'{"payload": "!", "payloadType": "application/vnd.in-toto+json"}', "not base64"),
        (b'{"payload": 3, "payloadType": "application/vnd.in-toto+json"}', "not base64"),
        (b'{"payload": "", "payloadType": "text/plain"}', "no in-toto statement"),
        (b'{"predicateType": "x", "predicate": "text"}', "no JSON object"),
        (b'{"predicateType": "x", "predicate": null}', "no JSON object"),
    ],
)
def test_what_is_no_document(data: bytes, told: str) -> None:
    assert told in refused(data)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("components", {}, "components: there is no list, but an object"),
        ("components", ["x"], "components[0]: there is no object, but 'x'"),
        ("components", [{"type": "library"}], "components[0].name: there is no text"),
        ("components", [{"name": "x"}], "components[0].type: there is no text"),
        (
            "components",
            [{"type": "library", "name": "x", "version": 3}],
            "components[0].version: there is no text, but a number",
        ),
        (
            "components",
            [{"type": "library", "name": "x", "hashes": [{"alg": 1, "content": "0"}]}],
            "components[0].hashes[0].alg: there is no text, but a number",
        ),
        (
            "components",
            [{"type": "library", "name": "x", "properties": [7]}],
            "components[0].properties[0]: there is no object, but a number",
        ),
        (
            "components",
            [{"type": "library", "name": "x", "components": [{"type": "file"}, {"name": "y"}]}],
            "components[0].components[1].type: there is no text",
        ),
        (
            "components",
            [{"type": "library", "name": "x", "bom-ref": "a"}] * 2,
            "components[1]: there is the identifier 'a' a second time",
        ),
        ("dependencies", [{"ref": 1}], "dependencies[0].ref: there is no text, but a number"),
        ("dependencies", [{"ref": "a", "dependsOn": [1]}], "dependencies[0].dependsOn[0]: there"),
        ("metadata", [], "metadata: there is no object, but a list"),
        ("metadata", {"timestamp": "yesterday"}, "metadata.timestamp: 'yesterday' is no time"),
        ("metadata", {"timestamp": "9999-12-31T23:59:59-23:59"}, ""),
        ("formulation", [[]], "formulation[0]: there is no object, but a list"),
    ],
)
def test_cyclonedx_of_other_types(key: str, value: object, told: str) -> None:
    if told:
        assert told in refused(changed(CYCLONEDX, **{key: value}))
    else:
        document.read(changed(CYCLONEDX, **{key: value}), "x")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("packages", {}, "packages: there is no list, but an object"),
        ("packages", [None], "packages[0]: there is no object, but null"),
        ("packages", [{"name": "x"}], "packages[0].SPDXID: there is no text"),
        ("packages", [{"SPDXID": "a"}], "packages[0].name: there is no text"),
        ("packages", [{"SPDXID": "a", "name": ["x"]}], "packages[0].name: there is no text, but"),
        (
            "packages",
            [{"SPDXID": "a", "name": "x"}] * 2,
            "packages[1]: there is the identifier 'a' a second time",
        ),
        (
            "packages",
            [
                {
                    "SPDXID": "a",
                    "name": "x",
                    "externalRefs": [
                        {"referenceType": "purl", "referenceLocator": "pkg:npm/a@1"},
                        {"referenceType": "purl", "referenceLocator": "pkg:npm/b@1"},
                    ],
                }
            ],
            "packages[0].externalRefs: there are several package URLs",
        ),
        ("relationships", [{}], "relationships[0].spdxElementId: there is no text"),
        ("relationships", "x", "relationships: there is no list, but 'x'"),
        ("documentDescribes", [1], "documentDescribes[0]: there is no text, but a number"),
        ("creationInfo", {"created": "now"}, "creationInfo.created: 'now' is no time"),
    ],
)
def test_spdx_of_other_types(key: str, value: object, told: str) -> None:
    assert told in refused(changed(SPDX, **{key: value}))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("@graph", {}, "@graph: there is no list, but an object"),
        ("@graph", ["x"], "@graph[0]: there is no object, but 'x'"),
        ("@graph", [{"spdxId": "a"}] * 2, "@graph[1]: there is the identifier 'a' a second time"),
        ("@graph", [{"type": 3}], "@graph: type: there is no text, but a number"),
        ("@graph", [{"type": "software_Package"}], "@graph: name: there is no text"),
        ("@graph", [{"type": "Relationship"}], "@graph: relationshipType: there is no text"),
        ("@context", "https://example.test/context", "@context: it is not SPDX 3's"),
        ("@context", None, "@context: it is not SPDX 3's"),
    ],
)
def test_spdx3_of_other_types(key: str, value: object, told: str) -> None:
    assert told in refused(changed(SPDX3, **{key: value}))


def test_a_purl_that_is_none_is_kept_and_of_no_ecosystem() -> None:
    component = {"type": "library", "name": "x", "version": "1", "purl": "pkg:npm"}
    read = document.read(changed(CYCLONEDX, components=[component]), "x")
    (found,) = read.inventory.components
    assert (found.package.purl, found.package.ecosystem) == ("pkg:npm", "")
    assert found.package.version == "1"


def test_what_has_no_purl_is_kept() -> None:
    component = {"type": "library", "name": "x", "version": "1"}
    read = document.read(changed(CYCLONEDX, components=[component]), "x")
    assert [c.package.name for c in read.inventory.components] == ["x"]


def test_needs_in_a_circle_and_into_nothing() -> None:
    listed = [
        {"type": "library", "name": n, "bom-ref": n, "purl": f"pkg:npm/{n}@1"} for n in ("a", "b")
    ]
    edges = [
        {"ref": "a", "dependsOn": ["b", "a", "gone"]},
        {"ref": "b", "dependsOn": ["a"]},
        {"ref": "gone", "dependsOn": ["a"]},
    ]
    read = document.read(changed(CYCLONEDX, components=listed, dependencies=edges), "x")
    one, other = read.inventory.components
    assert (one.needs, other.needs) == ((other.ref,), (one.ref,))


def test_components_within_components_however_deep() -> None:
    inner: dict[str, Any] = {"type": "library", "name": "deepest", "purl": "pkg:npm/deepest@1"}
    for number in range(150):
        inner = {"type": "library", "name": f"n{number}", "components": [inner]}
    read = document.read(changed(CYCLONEDX, components=[inner]), "x")
    assert len(read.inventory.components) == 151


def test_an_envelope_in_an_envelope_is_opened_once() -> None:
    said = {"_type": "x", "predicateType": "x", "predicate": SPDX, "subject": [3, {"digest": 4}]}
    document.read(json.dumps(said).encode(), "x")
    outer = {**said, "predicate": said}
    assert "neither spdxVersion" in refused(json.dumps(outer).encode())
    deep = b"{}"
    for _ in range(5):
        payload = base64.b64encode(deep).decode()
        kind = "application/vnd.in-toto+json"
        deep = json.dumps({"payload": payload, "payloadType": kind}).encode()
    assert "neither spdxVersion" in refused(deep)


def test_too_much_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_BYTES", 1 << 20)
    assert "is not read" in refused(b'{"spdxVersion": "' + b"x" * (1 << 20) + b'"}')
    monkeypatch.undo()
    started = time.process_time()
    assert "values" in refused(b'{"spdxVersion": "SPDX-2.3", "a": [' + b"1," * 5_000_000 + b"1]}")
    assert time.process_time() - started < 10


def test_more_entries_than_any_image_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_LISTED", 3)
    listed = [{"type": "library", "name": str(n)} for n in range(4)]
    assert "over 3 entries" in refused(changed(CYCLONEDX, components=listed))
    nested = [
        {"type": "library", "name": str(n), "components": [{"type": "library", "name": f"i{n}"}]}
        for n in range(3)
    ]
    assert "over 3 entries" in refused(changed(CYCLONEDX, components=nested))


def test_a_document_of_fifty_megabytes_is_read_in_time() -> None:
    note = {"name": "x", "value": "y" * 2000}
    listed = [
        {"type": "library", "name": f"n{n}", "purl": f"pkg:npm/n{n}@1", "properties": [note]}
        for n in range(24_000)
    ]
    data = changed(CYCLONEDX, components=listed, dependencies=[])
    assert len(data) > 50_000_000
    started = time.process_time()
    assert len(document.read(data, "x").inventory.components) == 24_000
    assert time.process_time() - started < 10


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.mark.parametrize(
    "whole_document", [SPDX, CYCLONEDX, SPDX3], ids=["spdx", "cyclonedx", "spdx3"]
)
@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_any_value_anywhere_is_read_or_refused(
    whole_document: dict[str, Any], data: st.DataObject
) -> None:
    value = json.loads(json.dumps(whole_document))
    holder, key = data.draw(st.sampled_from(list(places(value))))
    holder[key] = data.draw(_JSON)
    with contextlib.suppress(InvalidInputError):
        read = document.read(json.dumps(value).encode(), "in/some.json")
        assert all(isinstance(c.package.name, str) for c in read.inventory.components)


def places(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Yield every place of a document: what holds it, and where in that it stands."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@pytest.mark.parametrize("written", [spdx, spdx3, cyclonedx])
def test_no_document_moves_a_terminals_cursor(written: Any) -> None:  # noqa: ANN401 - a module
    evil = "a\x1b[2J\x7f\x9b2J\u202e\u2028\xe9"
    one = dataclasses.replace(
        whole(),
        components=tuple(
            c._replace(package=c.package._replace(name=evil, supplier=evil, paths=(evil,)))
            for c in whole().components
        ),
    )
    data = written.render(one, name=f"acme/{evil}", created=1)
    assert all(c.isprintable() or c == "\n" for c in data.decode())
    assert any(c.package.name == evil for c in document.read(data, "x").inventory.components)
