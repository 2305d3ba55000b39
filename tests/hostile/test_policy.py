"""Policies of any content: read, or refused with a clear error; never anything else."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge import policy
from imgforge.errors import InvalidInputError
from imgforge.policy import Policy, file, keys, organisation

NAMES = sorted(
    {name for _, members in keys.TABLES.values() for name in members}
    | {"severity", "budget", "ignore", "delegate", "bases", "trust", "IF010", "IF040", "x", ""}
)
leaves = (
    st.none().map(lambda _: "IF010")
    | st.sampled_from(["*", "low", "200MB", "\0", "\ud7ff", "é", "sha256:" + "a" * 64])
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes()
    | st.times()
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)
tables = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
PATH = Path("policy.toml")


def read(data: bytes) -> Policy | None:
    with contextlib.suppress(InvalidInputError):
        return file.parse(data, PATH)
    return None


@settings(max_examples=80, deadline=None)
@given(tables)
def test_any_table_is_read_or_refused(table: dict[str, Any]) -> None:
    found = read(tomli_w.dumps(table).encode())
    if found is None:
        return
    assert not any(ignore.check.startswith(("IF04", "IF09")) for ignore in found.exceptions)
    assert all(ignore.reason and ignore.owner for ignore in found.exceptions)
    for check, level in found.severities.items():
        assert found.severity(check, file.natural()[check]) == level


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.toml"
        path.write_bytes(data)
        assert path in policy.files(path, {})


@settings(max_examples=50, deadline=None)
@given(values)
def test_any_settings_pin_or_are_refused(value: Any) -> None:  # noqa: ANN401 - that is the point
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(tomli_w.dumps({"policy": value}), encoding="utf-8")
        with contextlib.suppress(InvalidInputError):
            for pin in organisation.pinned({"IMGFORGE_CONFIG": str(path)}):
                assert pin.digest or pin.key


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/dev/zero", "none", ".", "~nobody-of-that-name/x"]
)
def test_a_policy_that_is_no_file_is_an_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    digest = "sha256:" + "a" * 64
    path.write_text(tomli_w.dumps({"policy": {"file": name, "digest": digest}}))
    with pytest.raises(InvalidInputError):
        policy.effective(None, {"IMGFORGE_CONFIG": str(path)})
