from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import madeimage as made
import pytest

from imgforge import expectation, inspection
from imgforge.checks.drift.expected import Expectation
from imgforge.errors import InvalidInputError
from imgforge.inventory.declared import Declared, Target
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform, canonical_json, sha256
from imgforge.policy import Policy

CONFIG = {"User": "1000:1000", "Entrypoint": ["/app/run"]}
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


@pytest.fixture
def layout(tmp_path: Path) -> str:
    layout = Layout.create(tmp_path / "layout")
    raw = made.tar(made.file("etc/passwd", made.PASSWD), made.file("app/run", b"x", 0o755))
    layout.write_index([made.add(layout, [raw], config=CONFIG)])
    return str(layout.path)


def expect(monkeypatch: pytest.MonkeyPatch, found: Mapping[Platform, Expectation]) -> None:
    """Let a spec say what ``found`` has; compiling one is tested elsewhere."""
    monkeypatch.setattr(expectation, "load", lambda *_, **__: found)


def rules(name: str, spec: Path | None = None) -> set[str]:
    request = inspection.Request(Policy(), spec=spec)
    return {f.check for f in inspection.inspect(name, request, print).findings}


def test_a_spec_is_compared_with_every_image(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base").mkdir()
    base = made.facts(tmp_path / "base", [])
    config = {**CONFIG, "User": "65532:65532"}
    expect(monkeypatch, {AMD64: Expectation("imgforge.toml", AMD64, config, base, ("app",))})
    assert "IF080" in rules(layout, spec=Path("imgforge.toml"))
    assert "IF080" not in rules(layout)


@pytest.mark.parametrize("tools", [(), ("shell",)])
def test_a_shell_is_accepted_if_the_policy_allows_and_the_spec_asks(
    tools: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.create(tmp_path / "layout")
    shell = made.file("bin/sh", b"x", 0o755)
    layout.write_index([made.add(layout, [made.tar(shell)], config=CONFIG)])
    (tmp_path / "base").mkdir()
    base = made.facts(tmp_path / "base", [])
    expected = Expectation("imgforge.toml", AMD64, CONFIG, base, ("bin",), tools=tools)
    expect(monkeypatch, {AMD64: expected})
    request = inspection.Request(Policy(allow_shell=True), spec=Path("imgforge.toml"))
    report = inspection.inspect(str(layout.path), request, print)
    assert ("IF030" in {f.check for f in report.findings}) is (not tools)


def test_what_locks_declare_is_asked_for_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.create(tmp_path / "layout")
    found = made.file("opt/a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n")
    layout.write_index([made.add(layout, [made.tar(found)], config=CONFIG)])
    (tmp_path / "base").mkdir()
    base, asked = made.facts(tmp_path / "base", []), list[Collection[str]]()

    def declares(ecosystems: Collection[str]) -> Declared:
        asked.append(ecosystems)
        return Declared(Target(AMD64))

    expected = Expectation("imgforge.toml", AMD64, CONFIG, base, (), declares=declares)
    expect(monkeypatch, {AMD64: expected})
    assert "IF191" in rules(str(layout.path), spec=Path("imgforge.toml"))
    assert asked == [{"pypi"}]
    assert "IF191" not in rules(str(layout.path))


def test_a_spec_that_says_nothing_of_a_platform_is_an_error(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base").mkdir()
    base = made.facts(tmp_path / "base", [])
    expect(monkeypatch, {ARM64: Expectation("imgforge.toml", ARM64, CONFIG, base, ())})
    with pytest.raises(InvalidInputError, match="says nothing of an image for linux/amd64"):
        rules(layout, spec=Path("imgforge.toml"))


def test_a_dockerfile_is_not_compared_with_a_spec(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(InvalidInputError, match="only images are compared"):
        rules(str(tmp_path / "Dockerfile"), spec=Path("imgforge.toml"))


def test_what_lies_here_is_called_by_its_name(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(layout)
    request = inspection.Request(Policy())
    assert inspection.inspect(".", request, print).subject == "layout"
    assert inspection.inspect("../layout", request, print).subject == "../layout"


def test_the_digest_of_a_policy_is_its_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    assert inspection.digest_of([]) == ""
    assert inspection.digest_of([one]) == sha256(b"1")
    both = inspection.digest_of([one, two])
    assert both == sha256(canonical_json([sha256(b"1"), sha256(b"2")]))
    with pytest.raises(InvalidInputError, match="cannot be read"):
        inspection.digest_of([tmp_path / "none"])
