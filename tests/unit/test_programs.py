"""imgforge.programs: every base has its program where specs are told that it is."""

from __future__ import annotations

import tomllib

import pytest

from imgforge import assets, programs

BASES = sorted(assets.folder("bases").glob("*.toml"))


@pytest.mark.parametrize("program", sorted(set(programs.PROGRAMS.values())))
def test_a_base_starts_the_program_from_there(program: str) -> None:
    tables = (tomllib.loads(path.read_text(encoding="utf-8")) for path in BASES)
    assert program in {
        word for table in tables for word in table.get("config", {}).get("entrypoint", [])
    }
