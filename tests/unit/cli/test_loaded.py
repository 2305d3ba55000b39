"""Commands that sign nothing load nothing of what signs; ``build``: tests/integration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import madeimage as made
import pytest
from loaded import SIGNING, loaded

from imgforge.oci.layout import Layout
from imgforge.project import Project

DOCKER = frozenset({"requests"})
"""What the Docker SDK stands on: these ask which engines there are."""


@pytest.mark.parametrize(
    ("arguments", "may"),
    [
        (["plan"], DOCKER),
        (["doctor"], DOCKER),
        (["render"], ()),
        (["explain", "IF001"], ()),
        (["policy", "show"], ()),
        (["schema"], ()),
        (["completion", "bash"], ()),
        (["base", "list"], ()),
        *(([name, "--help"], ()) for name in ("attest", "key", "log", "push", "sign", "verify")),
    ],
    ids=" ".join,
)
def test_a_command_that_signs_nothing_loads_nothing_that_signs(
    make_project: Callable[..., Project], arguments: list[str], may: frozenset[str]
) -> None:
    root = make_project().root
    modules = loaded(*arguments, cwd=root, codes=(0, 1, 3, 10))
    assert not (modules & SIGNING) - set(may)


def test_an_image_is_judged_and_listed_without_what_signs(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    layout.write_index([made.add(layout, [made.tar(made.file("app/run", b"x", 0o755))])])
    for arguments in (["check"], ["sbom", "--format", "spdx"], ["sbom", "--format", "cyclonedx"]):
        modules = loaded(arguments[0], layout.path, *arguments[1:], cwd=tmp_path, codes=(0, 10))
        assert not modules & SIGNING
