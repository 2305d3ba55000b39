from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import madeimage as made

from imgforge import sources
from imgforge.oci.layout import Layout
from imgforge.output import SCHEMA, Record


def test_a_projects_image_is_called_as_its_record_says_but_no_layout_names_itself(
    tmp_path: Path,
) -> None:
    values: dict[str, object] = dict.fromkeys((f.name for f in dataclasses.fields(Record)), "")
    values |= {"name": "acme/trusted", "schema": SCHEMA}
    values |= {name: [] for name in ("inputs", "exclude", "tags", "referrers")}
    values |= {"evidence": {}, "signer": {}}
    values["image"] = {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1}
    text = json.dumps(values)
    project, foreign = tmp_path / "project", tmp_path / "foreign"
    (project / ".imgforge").mkdir(parents=True)
    (project / ".imgforge/build.json").write_text(text)
    layout = Layout.create(foreign)
    layout.write_index([made.add(layout, [made.tar()])])
    (foreign / ".imgforge").mkdir()
    for path in (foreign / "build.json", foreign / ".imgforge/build.json"):
        path.write_text(text)
    assert sources.title(sources.parse(str(project))) == "acme/trusted"
    assert sources.title(sources.parse(str(foreign))) == "foreign"
    assert sources.title(sources.parse(f"oci:{foreign}")) == "foreign"
