from __future__ import annotations

import json
from pathlib import Path

import madeimage as made
import pytest

from imgforge.analysis.packages import bundles

SOURCES = [
    "webpack://app/./node_modules/lodash/lodash.js",
    "../../node_modules/@babel/code-frame/lib/index.js",
    "../node_modules/.pnpm/react-dom@18.2.0_react@18.2.0/node_modules/react-dom/index.js",
    "../node_modules/.pnpm/@x+y@1.0.0-rc.1/node_modules/@x/y/index.js",
    "../node_modules/.pnpm/other@1.0.0/node_modules/hoisted/index.js",
    "../.yarn/cache/ms-npm-2.1.3-81ff3cfac1-d924b57e73.zip/node_modules/ms/index.js",
    "../node_modules/a/node_modules/b/index.js",
    "webpack/bootstrap",
    "./src/my_node_modules.js",
    "../node_modules/.bin/x",
    "../node_modules/file.js",
    None,
    'with "quotes" and ] node_modules/q\\/x',
]
NAMED = [
    ("@babel/code-frame", ""),
    ("@x/y", "1.0.0-rc.1"),
    ("b", ""),
    ("hoisted", ""),
    ("lodash", ""),
    ("ms", "2.1.3"),
    ("react-dom", "18.2.0"),
]


def named(path: str, data: bytes) -> list[tuple[str, str]]:
    assert bundles.wants(path, path.rpartition("/")[2])
    found = bundles.read(path, data)
    assert {(p.found, p.paths) for p in found} <= {("binary", (path,))}
    return [(f"{p.namespace}/{p.name}".lstrip("/"), p.version) for p in found]


def test_source_maps() -> None:
    text = '"sources": ["node_modules/not-this/x.js"]'
    value = {"version": 3, "sourcesContent": [text], "sources": SOURCES, "mappings": "A" * 1000}
    assert named("dist/main.js.map", json.dumps(value).encode()) == NAMED
    sections = {"sections": [{"map": {"sources": [source]}} for source in SOURCES[:2]]}
    assert named("x.mjs.map", json.dumps(sections).encode()) == [NAMED[0], ("lodash", "")]


@pytest.mark.parametrize(
    "data",
    [b"", b"node_modules/a/b", b'{"sources": ["node_modules/a/b.js', b'{"sources": node_modules/'],
)
def test_what_is_no_map_names_nothing(data: bytes) -> None:
    assert named("x.js.map", data) == []


def test_esbuild() -> None:
    text = (
        "Bundled license information:\n\nlodash/lodash.js:\n  /**\n   * @license\n   * x: y/z:\n"
        "   */\n\n@s/a/dist/i.js:\n  (*! MIT *)\n"
    )
    assert named("dist/out.js.LEGAL.txt", text.encode()) == [("@s/a", ""), ("lodash", "")]
    assert named("dist/out.js.LEGAL.txt", b"terms\n\na/b:\n") == []


def test_angular_and_vite() -> None:
    text = 'Package: @angular/core\nLicense: "MIT"\n\ntext\n---\nPackage: zone.js\nLicense: {\n'
    assert named("dist/3rdpartylicenses.txt", text.encode()) == [("@angular/core", "")]
    text = "# Licenses\n\n## @s/a - 1.0.0 (MIT)\n\n## Terms - and so on\n\n## b - 2.0.0\n"
    assert named("dist/.vite/license.md", text.encode()) == [("@s/a", "1.0.0"), ("b", "2.0.0")]
    (found,) = bundles.read("dist/.vite/license.md", b"## a - 1.0.0 (MIT OR ISC)\n")
    assert found.licence == "MIT OR ISC"
    listed = [{"name": "a", "version": "1.0.0", "identifier": "MIT"}, {"name": 3}, 4]
    assert named("dist/.vite/license.json", json.dumps(listed).encode()) == [("a", "1.0.0")]
    with pytest.raises(ValueError, match="no JSON"):
        bundles.read("dist/.vite/license.json", b"x")


def test_titles_are_no_names() -> None:
    assert not bundles.wants("dist/main.js.LICENSE.txt", "main.js.LICENSE.txt")
    assert not bundles.wants("dist/main.css.map", "main.css.map")


def test_a_package_in_many_bundles_of_a_folder_is_one(tmp_path: Path) -> None:
    text = json.dumps({"sources": SOURCES[:1]}).encode()
    paths = ("app/dist/a.js.map", "app/dist/b.js.map", "app/other/a.js.map")
    image = made.facts(tmp_path, [made.file(path, text) for path in paths])
    assert [(p.purl, p.paths) for p in image.packages] == [
        ("pkg:npm/lodash", paths[:2]),
        ("pkg:npm/lodash", paths[2:]),
    ]
