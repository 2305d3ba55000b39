"""What others say of our documents: official schemas, the formats' libraries, NTIA's checker."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import madeinventory
import pytest
import validators

from imgforge.inventory import Component, Inventory
from imgforge.sbom import cyclonedx, spdx, spdx3

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]
CREATED = 1_700_000_000
NAME = "registry.acme.test/team/web"


def nobody_named() -> Inventory:
    """Return an inventory whose packages' metadata names nobody."""
    image = madeinventory.whole()
    listed = (replace_supplier(component) for component in image.components)
    return replace(image, components=tuple(listed))


def replace_supplier(component: Component) -> Component:
    return component._replace(package=component.package._replace(supplier=""))


IMAGES = [madeinventory.whole(), nobody_named()]


@pytest.mark.parametrize("image", IMAGES)
def test_spdx(image: Inventory, tmp_path: Path) -> None:
    data = spdx.render(image, name=NAME, created=CREATED)
    path = tmp_path / "sbom.spdx.json"
    path.write_bytes(data)
    assert validators.spdx_schema(data) == []
    assert validators.spdx_tools(path) == []
    assert validators.ntia(path) == []


@pytest.mark.parametrize("image", IMAGES)
def test_cyclonedx(image: Inventory) -> None:
    assert validators.cyclonedx(cyclonedx.render(image, name=NAME, created=CREATED)) == []


@pytest.mark.parametrize("image", IMAGES)
def test_spdx3(image: Inventory, tmp_path: Path) -> None:
    data = spdx3.render(image, name=NAME, created=CREATED)
    path = tmp_path / "sbom.spdx3.json"
    path.write_bytes(data)
    assert validators.spdx3_schema(data) == []
    assert validators.spdx3_model(data) == []
    assert validators.ntia(path, "spdx3") == []


def test_validators_refuse_what_is_wrong(tmp_path: Path) -> None:
    document = json.loads(spdx.render(IMAGES[0], name=NAME, created=CREATED))
    document["packages"][2]["supplier"] = "NOASSERTION"
    path = tmp_path / "sbom.spdx.json"
    path.write_text(json.dumps(document))
    assert [told.partition(":")[0] for told in validators.ntia(path)] == ["suppliers"]
    document["packages"][2]["checksums"] = [{"algorithm": "SHA256", "checksumValue": "xyz"}]
    path.write_text(json.dumps(document))
    assert validators.spdx_tools(path) != []
    document["relationships"][0]["relationshipType"] = "LIKES"
    assert validators.spdx_schema(json.dumps(document).encode()) != []
    other = json.loads(cyclonedx.render(IMAGES[0], name=NAME, created=CREATED))
    other["components"][0]["colour"] = "red"
    assert validators.cyclonedx(json.dumps(other).encode()) != []
    third = json.loads(spdx3.render(IMAGES[0], name=NAME, created=CREATED))
    package = next(e for e in third["@graph"] if e["type"] == "software_Package")
    package["software_primaryPurpose"] = "toy"
    assert validators.spdx3_schema(json.dumps(third).encode()) != []
    assert validators.spdx3_model(json.dumps(third).encode()) != []
