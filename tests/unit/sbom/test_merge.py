from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import validators
from madeinventory import digest, whole

from imgforge.errors import InvalidInputError
from imgforge.sbom import cyclonedx, document, merge, spdx

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
NAME = "acme/shop"


def merged() -> list[merge.Merged]:
    web = spdx.render(whole(), name="acme/web", created=1)
    other = replace(whole(), digest=digest("f"), tools=(), files=())
    worker = cyclonedx.render(other, name="acme/worker", created=2_000_000_000)
    return [merge.of(data, document.read(data, "x")) for data in (web, worker)]


@pytest.mark.parametrize("kind", merge.FORMATS)
def test_the_order_in_which_they_are_given_does_not_count(kind: str) -> None:
    once = merge.render(merged(), kind, name=NAME, created=None)
    assert once == merge.render(merged()[::-1], kind, name=NAME, created=None)
    assert document.read(once, "x").created == 2_000_000_000
    other = merge.render(merged(), kind, name=NAME, version="2", created=7)
    assert document.read(other, "x").created == 7


@pytest.mark.parametrize("kind", merge.FORMATS)
def test_whatever_is_in_one_of_them_is_in_the_whole(kind: str) -> None:
    read = document.read(merge.render(merged(), kind, name=NAME, created=0), "x")
    assert read.name == NAME
    assert read.inventory.components == whole().components
    assert read.inventory.tools == whole().tools
    assert read.inventory.files == whole().files
    assert read.inventory.system == whole().system


def test_others_find_the_whole_valid(tmp_path: Path) -> None:
    data = merge.render(merged(), "spdx", name=NAME, version="1.0", created=0)
    path = tmp_path / "shop.spdx.json"
    path.write_bytes(data)
    assert validators.spdx_schema(data) == []
    assert validators.spdx_tools(path) == []
    assert validators.ntia(path) == []
    data = merge.render(merged(), "cyclonedx", name=NAME, version="1.0", created=0)
    assert validators.cyclonedx(data) == []


def test_of_each_it_is_known_which_document_said_it() -> None:
    web, worker = merged()
    value = json.loads(merge.render([web, worker], "cyclonedx", name=NAME, created=0))
    images = {
        image["name"]: {p["name"]: p["value"] for p in image["properties"]}
        for image in value["components"]
    }
    assert images["acme/web"]["imgforge:merged-from"] == web.digest
    assert images["acme/worker"]["imgforge:merged-format"] == "CycloneDX 1.6"
    text = merge.render([web, worker], "spdx", name=NAME, created=0).decode()
    assert f"imgforge:merged-from={worker.digest}" in text


def test_what_is_given_twice_is_refused() -> None:
    web, worker = merged()
    with pytest.raises(InvalidInputError, match=f"the document {web.digest} is given twice"):
        merge.render([web, worker, web], "spdx", name=NAME, created=0)
    again = cyclonedx.render(whole(), name="another", created=0)
    with pytest.raises(InvalidInputError, match=f"the image {digest('d')} is given twice"):
        merge.render(
            [web, merge.of(again, document.read(again, "x"))], "spdx", name=NAME, created=0
        )
