"""Every variant is rendered, and their number is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from ownstack import made

from imgforge import stack
from imgforge.workshop import found, variants
from imgforge.workshop.variants import Failed, Variant


def labels(folder: Path) -> list[str]:
    return [v.label for v in variants.every(found.open_folder(folder))]


def test_each_value_of_a_boolean(tmp_path: Path) -> None:
    assert labels(made(tmp_path)) == [
        "version = 3.13, tests = True",
        "version = 3.13, tests = False",
    ]


def test_what_renders_the_same_is_one(tmp_path: Path) -> None:
    folder = made(tmp_path, template=("{% if parameters.tests %}", "{% if true %}"))
    assert labels(folder) == ["version = 3.13, tests = True"]


def test_many_parameters_are_changed_alone(tmp_path: Path) -> None:
    more = "".join(
        f'[parameters.p{i}]\ntype = "boolean"\ndefault = false\ndoc = "x"\n' for i in range(10)
    )
    shown = "".join(f"echo {{{{ parameters.p{i} }}}};\n" for i in range(10))
    folder = made(
        tmp_path, toml=("[[stages]]", f"{more}[[stages]]"), template=("mkdir", f"{shown}mkdir")
    )
    assert len(labels(folder)) == 1 + 11


def test_a_variant_that_fails_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = "{% if not parameters.tests %}{{ 1 // 0 }}{% endif %}\n{% block build %}"
    folder = made(tmp_path, template=("{% block build %}", bad))
    kinds = [type(v) for v in variants.every(found.open_folder(folder))]
    assert kinds == [Variant, Failed]


@pytest.mark.parametrize("name", stack.names())
def test_every_variant_of_ours_renders(name: str) -> None:
    every = list(variants.every(stack.load(name)))
    assert every
    assert [v for v in every if isinstance(v, Failed)] == []
