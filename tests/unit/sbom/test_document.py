from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from madeinventory import digest, whole

from imgforge.analysis.facts import Package
from imgforge.errors import InvalidInputError
from imgforge.inventory import Component, Inventory
from imgforge.sbom import cyclonedx, document, spdx, spdx3

Render = Callable[..., bytes]
CREATED = 1_700_000_000
NAME = "registry.acme.test/team/web"
RENDERS: list[Render] = [spdx.render, cyclonedx.render, spdx3.render]


@pytest.mark.parametrize("render", RENDERS)
def test_every_field_comes_back(render: Render) -> None:
    image = whole()
    read = document.read(render(image, name=NAME, created=CREATED), "x")
    assert read.inventory == image
    assert (read.name, read.created) == (NAME, CREATED)
    assert read.format in {"SPDX 2.3", "CycloneDX 1.6", "SPDX 3.0.1"}


@pytest.mark.parametrize("render", RENDERS)
def test_what_was_read_is_written_the_same(render: Render) -> None:
    once = render(whole(), name=NAME, created=CREATED)
    again = document.read(once, "x")
    assert render(again.inventory, name=again.name, created=CREATED) == once


@pytest.mark.parametrize("render", RENDERS)
def test_an_empty_inventory_comes_back(render: Render) -> None:
    image = Inventory("", None, None, (), ())
    read = document.read(render(image, name="x", created=0), "x")
    assert read == (read.format, "x", 0, image)


_TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\\n\r\udc80\udcff=x<>()@:"),
    max_size=12,
)
_WORD = st.text("abcXYZ09-._", min_size=1, max_size=6)
_TUPLE = st.lists(_TEXT, max_size=3).map(tuple)
_HASH = st.sampled_from(["sha256", "sha512", "sha1", "md5"])
_PACKAGES = st.builds(
    Package,
    ecosystem=st.sampled_from(["deb", "npm", "pypi", "rpm", "generic", ""]),
    name=_TEXT.filter(bool),
    version=_TEXT,
    purl=st.sampled_from(["", "pkg:no"])
    | st.builds(
        "pkg:{}/{}@{}{}".format,
        st.sampled_from(["deb/debian", "npm", "npm/%40a", "pypi", "rpm/fedora", "golang/x/y"]),
        _WORD,
        _WORD,
        st.sampled_from(["", "?arch=amd64", "?epoch=1", "?upstream=x%401&distro=debian-13"]),
    ),
    licence=_TEXT | st.sampled_from(["mit", "MIT OR ISC"]),
    supplier=_TEXT | st.just("A <b@c.test>"),
    paths=_TUPLE,
    architecture=_TEXT,
    source=_TEXT,
    layer=st.sampled_from(["", digest("e")]),
    namespace=_TEXT,
    inside=_TEXT,
    hashes=st.lists(st.builds("{}:{}".format, _HASH, st.text("0123456789abcdef", min_size=1))).map(
        tuple
    ),
    cpes=st.lists(st.builds("cpe:2.3:a:{}".format, _WORD), max_size=3).map(tuple),
    depends=_TUPLE,
    source_version=_TEXT,
    found=st.sampled_from(["record", "binary"]),
    dev=st.booleans(),
)
_COMPONENTS = st.builds(
    Component,
    package=_PACKAGES,
    part=st.sampled_from(["", "base", "app"]),
    scope=st.sampled_from(["required", "dev", "optional"]),
    declared=_TEXT,
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_COMPONENTS, max_size=3), st.data())
def test_whatever_is_in_an_inventory_comes_back(made: list[Component], data: st.DataObject) -> None:
    unique = {component.ref: component for component in made}
    needs = st.lists(st.sampled_from(sorted(unique) or [""]), unique=True)
    components = tuple(
        component._replace(needs=tuple(sorted(set(data.draw(needs)) - {ref, ""})))
        for ref, component in sorted(unique.items())
    )
    image = replace(whole(), components=components)
    for render in RENDERS:
        read = document.read(render(image, name=NAME, created=CREATED), "x").inventory
        assert read == image


def statement(predicate: object) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": "x", "digest": {"sha256": "9" * 64}}],
        "predicateType": "https://spdx.dev/Document",
        "predicate": predicate,
    }


def test_a_document_is_found_in_what_wraps_it() -> None:
    plain = json.loads(spdx.render(replace(whole(), digest=""), name=NAME, created=CREATED))
    said = statement(plain)
    dsse = {
        "payloadType": "application/vnd.in-toto+json",
        "payload": base64.b64encode(json.dumps(said).encode()).decode(),
        "signatures": [],
    }
    cosign = statement({"Data": json.dumps(plain), "Timestamp": "x"})
    expected = replace(whole(), digest=digest("9"))
    for wrapped in (said, dsse, {"mediaType": "x", "dsseEnvelope": dsse}, cosign):
        read = document.read(json.dumps(wrapped).encode(), "x")
        assert read.inventory == expected


def test_two_subjects_are_no_digest() -> None:
    plain = json.loads(spdx.render(replace(whole(), digest=""), name=NAME, created=CREATED))
    said = statement(plain)
    said["subject"].append({"name": "y", "digest": {"sha256": "8" * 64}})
    assert document.read(json.dumps(said).encode(), "x").inventory.digest == ""


def test_what_is_no_sbom_is_told_with_its_place() -> None:
    with pytest.raises(InvalidInputError, match=r"^some/file is no SBOM .*neither spdxVersion"):
        document.read(b'{"a": 1}', "some/file")
