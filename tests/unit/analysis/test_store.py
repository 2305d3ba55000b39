from __future__ import annotations

import hashlib
import marshal
from pathlib import Path

import pytest

from imgforge.analysis import store
from imgforge.analysis.facts import (
    DIRECTORY,
    FILE,
    Entry,
    LayerFacts,
    MalwareHit,
    Package,
    Problem,
    SecretHit,
)

DIGEST = "sha256:" + "d" * 64
FACTS = LayerFacts(
    digest=DIGEST,
    diff_id="sha256:" + "e" * 64,
    size=3,
    entries=(
        Entry("a", DIRECTORY, 0o755, 0, 0, 0, "", ""),
        Entry("a/\udcff", FILE, 0o4755, 1 << 21, 2, 1 << 40, "", "0100"),
    ),
    removed=("b",),
    opaque=("c",),
    captured={"etc/passwd": "root\udc80:x:0:0::/:\n"},
    interpreters={"a/x": "/bin/sh"},
    programs={"a/y": "bash"},
    secrets=(SecretHit("rule", "title", "a/b", 1, 2, "x...", "in.zip"),),
    malware=(MalwareHit("hash", "rule", "title", "a/b"),),
    packages=(Package("deb", "n", "1", "", "MIT", "who", ("p", "q")),),
    problems=(Problem("device", "dev/x", "a device node"),),
)


def write(path: Path, content: bytes) -> None:
    path.write_bytes(hashlib.sha256(content).digest() + content)


def test_what_was_kept_is_what_comes_back(tmp_path: Path) -> None:
    store.save(tmp_path, FACTS)
    found = store.load(tmp_path, DIGEST)
    assert found == FACTS
    assert found is not None
    kinds = (found.entries, found.secrets, found.malware, found.packages, found.problems)
    assert [type(part[0]) for part in kinds] == [Entry, SecretHit, MalwareHit, Package, Problem]
    assert found.packages[0].paths == ("p", "q")


def test_facts_of_nothing_come_back(tmp_path: Path) -> None:
    empty = LayerFacts(DIGEST, DIGEST, 0)
    store.save(tmp_path, empty)
    assert store.load(tmp_path, DIGEST) == empty


def test_there_is_nothing_before_it_was_kept(tmp_path: Path) -> None:
    assert store.load(tmp_path, DIGEST) is None


def test_facts_of_other_engines_are_others(tmp_path: Path) -> None:
    store.save(tmp_path, FACTS, "clamav 1.4")
    assert store.load(tmp_path, DIGEST) is None
    assert store.load(tmp_path, DIGEST, "clamav 1.5") is None
    assert store.load(tmp_path, DIGEST, "clamav 1.4") == FACTS


def test_an_entry_of_another_layer_is_not_used(tmp_path: Path) -> None:
    store.save(tmp_path, FACTS)
    other = "sha256:" + "0" * 64
    store.path_of(tmp_path, DIGEST).rename(store.path_of(tmp_path, other))
    assert store.load(tmp_path, other) is None


def test_an_entry_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    store.save(tmp_path, FACTS)
    store.path_of(tmp_path, DIGEST).chmod(0o666)
    assert store.load(tmp_path, DIGEST) is None


@pytest.mark.parametrize("at", [0, 31, 32, 40, -1])
def test_a_changed_byte_is_noticed(at: int, tmp_path: Path) -> None:
    store.save(tmp_path, FACTS)
    path = store.path_of(tmp_path, DIGEST)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert store.load(tmp_path, DIGEST) is None


@pytest.mark.parametrize("length", [0, 10, 32, 200])
def test_an_entry_cut_short_is_noticed(length: int, tmp_path: Path) -> None:
    store.save(tmp_path, FACTS)
    path = store.path_of(tmp_path, DIGEST)
    path.write_bytes(path.read_bytes()[:length])
    assert store.load(tmp_path, DIGEST) is None


@pytest.mark.parametrize(
    "content",
    [
        marshal.dumps(value)
        for value in (
            None,
            7,
            [],
            store.packed(FACTS)[:-1],
            ["no digest", *store.packed(FACTS)[1:]],
            [*store.packed(FACTS)[:-1], ["NoSuchKind", [()]]],
            [*store.packed(FACTS)[:-1], ["Problem", 7]],
            [*store.packed(FACTS)[:-1], ["Problem"]],
        )
    ],
)
def test_another_shape_is_not_used(content: bytes, tmp_path: Path) -> None:
    write(store.path_of(tmp_path, DIGEST), content)
    assert store.load(tmp_path, DIGEST) is None


def test_what_is_not_marshalled_is_not_used(tmp_path: Path) -> None:
    write(store.path_of(tmp_path, DIGEST), b"{}")
    assert store.load(tmp_path, DIGEST) is None


def test_facts_depend_on_the_code_that_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "imgforge"
    (package / "secrets").mkdir(parents=True)
    rule = package / "secrets" / "find.py"
    monkeypatch.setattr(store, "__file__", str(package / "analysis" / "store.py"))
    seen = set()
    for text in ("one", "two"):
        rule.write_text(text)
        store.rules_digest.cache_clear()
        seen.add(store.rules_digest())
    monkeypatch.undo()
    store.rules_digest.cache_clear()
    assert len(seen | {store.rules_digest()}) == 3
