"""A team's stack over its life, in thirty repositories: new versions, and what goes wrong.

The catalog lies in a real registry behind a line that can be cut. Nothing is built: what a lock
pins, and what is said of it, is the same for every engine.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cutting
import madestack
import pytest
from madestack import NAME
from ownstack import change
from running import Key, imgforge, run, tool

from imgforge import lock
from imgforge.cli.main import main
from imgforge.oci.types import MANIFEST

SETS = '\n[stack.parameters]\ngreeting = "good day"\n\n[app]'
OWN = '\n[stack.blocks]\n"build.build" = "own.block"\n\n[app]'
BLOCK = "{% call run() %}\nmkdir -p /out;\n{% endcall %}\n"
KINDS = {
    "plain": madestack.SPEC,
    "sets": madestack.SPEC.replace("\n[app]", SETS),
    "own": madestack.SPEC.replace("\n[app]", OWN),
    "bound": madestack.SPEC.replace(f'"{NAME}"', f'"{NAME}"\nrelease = "^1"'),
    "broken": madestack.SPEC.replace("[app]", "[app]\ncolour = 1"),
    "unlocked": madestack.SPEC,
}
MANY = 30


@dataclass
class World:
    """Thirty repositories below ``teams``, a catalog at ``prefix``, and a line to cut."""

    root: Path
    prefix: str
    real: str
    key: Key
    line: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def teams(self) -> Path:
        return self.root / "teams"

    def settings(self, public: Path, **said: Any) -> None:  # noqa: ANN401 - as TOML has it
        place = {"name": "acme", "registry": self.prefix, "stacks": [NAME], "key": str(public)}
        with pytest.MonkeyPatch.context() as patch:
            madestack.configure(patch, self.root, {**place, **said})

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """Run a command in this process, which is quicker; return what it printed."""
        out, said = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(said),
        ):
            for name, value in self.key.env.items():
                patch.setenv(name, value)
            patch.setenv("IMGFORGE_CONFIG", str(self.root / "config.toml"))
            done = main([str(argument) for argument in arguments])
        assert done == code, said.getvalue()
        return out.getvalue() if code == 0 else said.getvalue()

    def publish(self, folder: Path, private: Path) -> str:
        return self.run("stack", "publish", folder, "--to", self.real, "--key", private).strip()

    def who(self, *more: str | Path) -> dict[str, Any]:
        """Return a row for each repository, by its name."""
        rows = json.loads(self.run("stack", "who", self.teams, "--format", "json", *more))
        return {Path(row["spec"]).parent.name: row for row in rows}


def next_version(folder: Path) -> Path:
    """Write 2.0.0: a parameter and a block are called otherwise, and it stands on another base."""
    own = madestack.write(folder, "2.0.0")
    text = (own / "stack.toml").read_text(encoding="utf-8")
    text = text.replace("greeting]", "words]").replace("parameters.greeting", "parameters.words")
    (own / "stack.toml").write_text(text.replace("python-3.13", "python-3.11"), encoding="utf-8")
    change(own / "build.Dockerfile.j2", "parameters.greeting", "parameters.words")
    change(own / "build.Dockerfile.j2", "{% block build %}", "{% block make %}")
    return own


@pytest.fixture(scope="module")
def world(registry: str, key: Key, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("life")
    with contextlib.ExitStack() as line:
        place = line.enter_context(cutting.cutting(registry, up=[], down=[]))
        world = World(root, f"{place}/{root.name}", f"{registry}/{root.name}", key, line)
        world.settings(key.public)
        world.publish(madestack.write(root / "one", "1.0.0"), key.private)
        for number in range(MANY):
            kind = [*KINDS][number] if number < len(KINDS) else "plain"
            name = kind if number < len(KINDS) else f"plain-{number}"
            repository = world.teams / name
            (repository / "web").mkdir(parents=True)
            (repository / "imgforge.toml").write_text(KINDS[kind], encoding="utf-8")
            (repository / "own.block").write_text(BLOCK, encoding="utf-8")
            if number == 0:
                world.run("lock", repository)
            elif kind != "unlocked":
                shutil.copy(world.teams / "plain" / "imgforge.lock", repository)
        world.publish(madestack.write(root / "one", "1.1.0"), key.private)
        yield world


def test_who_is_behind_and_whom_the_next_version_breaks(world: World) -> None:
    rows = world.who("--with", next_version(world.root / "two"))
    assert len(rows) == MANY
    assert rows["plain"]["behind"] == ["stack 1.0.0: the catalog has 1.1.0"]
    assert "imgforge.toml:9: app.colour: unknown key" in rows["broken"]["problem"]
    assert rows["unlocked"]["problem"] == "there is no imgforge.lock"
    assert "+FROM imgforge/python-3.11@" in rows["plain-29"]["diff"]
    assert "parameters of acme-web 2.0.0: words" in rows["sets"]["breaks"]
    assert "has no block build" in rows["own"]["breaks"]
    assert {name for name, row in rows.items() if row["breaks"]} == {"sets", "own"}
    told = world.run("stack", "diff", f"{NAME}@1.0.0", world.root / "two" / NAME)
    assert "BREAKS  parameter greeting: removed" in told
    assert "  - More.\n  ## 1.1.0\n" in told
    assert f"Dockerfile of {NAME}/tests/plain: changes" in told


def test_each_takes_the_next_version_when_it_can(world: World) -> None:
    world.publish(next_version(world.root / "two"), world.key.private)
    held = (world.teams / "sets" / "imgforge.lock").read_bytes()
    for name, words in (("sets", "of acme-web 2.0.0: words"), ("own", "its blocks: make")):
        assert words in world.run("lock", world.teams / name, "--upgrade", "stack", code=2)
    assert (world.teams / "sets" / "imgforge.lock").read_bytes() == held
    world.run("lock", world.teams / "sets", "--check")
    upgrade = ("--upgrade", "stack", "--format", "json")
    told = json.loads(world.run("lock", world.teams / "plain-29", *upgrade, "--dry-run"))
    assert (told["stack"]["before"], told["stack"]["version"]) == ("1.0.0", "2.0.0")
    told = json.loads(world.run("lock", world.teams / "bound", *upgrade))
    assert told["stack"]["version"] == "1.1.0"
    rows = world.who()
    assert rows["bound"]["behind"] == ["stack 1.1.0: the catalog has 2.0.0, and the spec wants ^1"]
    assert "stack acme/acme-web@1.0.0" in world.run("outdated", world.teams / "plain", code=10)


def test_a_moved_tag_and_an_unsigned_version_are_not_taken(world: World, tmp_path: Path) -> None:
    place = f"docker://{world.real}/{NAME}"
    raw = run(tool("skopeo"), "inspect", "--tls-verify=false", "--raw", f"{place}:1.0.0").stdout
    host, _, path = world.real.partition("/")
    unsigned = raw.replace("How we make", "How they make")
    for text, words, reason in (
        (raw, "whoever may write to the registry moved the tag", "is version 1.0.0 of the stack"),
        (unsigned, "imgforge stack publish", "has no valid signature"),
    ):
        (tmp_path / "manifest").write_text(text, encoding="utf-8")
        put(f"http://{host}/v2/{path}/{NAME}/manifests/3.0.0", text)
        assert words in world.run("lock", world.teams / "plain", "--upgrade", "stack", code=5)
        world.run("lock", world.teams / "plain", "--check")
        assert reason in world.who()["plain"]["unknown"]
    # What the team publishes next, the tag of an attacker may not keep from its users.
    world.publish(madestack.write(world.root / "four", "4.0.0"), world.key.private)
    assert world.who()["plain"]["behind"] == ["stack 1.0.0: the catalog has 4.0.0"]


def put(url: str, text: str) -> None:
    """Write a manifest as whoever may write to the registry can."""
    import httpx

    answer = httpx.put(url, content=text.encode(), headers={"Content-Type": MANIFEST})
    answer.raise_for_status()


def pin(repository: Path) -> tuple[str, str]:
    """Return version and digest of the artifact that a lock pins."""
    found = lock.read(repository / "imgforge.lock").stack
    assert found is not None
    return found.version, found.revision


def test_a_new_key_counts_for_what_it_signed(world: World, tmp_path: Path) -> None:
    imgforge("key", "generate", tmp_path / "next", cwd=tmp_path, env=world.key.env)
    world.settings(tmp_path / "next.pub")
    assert "imgforge stack publish" in world.run("lock", world.teams / "plain", code=5)
    assert "has no valid signature" in world.who()["plain"]["problem"]
    before = pin(world.teams / "plain")
    world.settings(world.key.public)
    world.run("stack", "pull", f"{NAME}@1.0.0", "-o", tmp_path / NAME)
    world.publish(tmp_path / NAME, tmp_path / "next.key")
    world.settings(tmp_path / "next.pub")
    world.run("lock", world.teams / "plain")
    assert pin(world.teams / "plain") == before
    world.settings(world.key.public)  # who has the old settings is not shut out
    world.run("lock", world.teams / "plain")


def test_a_catalog_that_moved_is_told_and_so_is_one_that_is_empty(world: World) -> None:
    world.settings(world.key.public, registry=f"{world.prefix}/moved")
    assert f"{world.prefix}/moved/{NAME}" in world.run("plan", world.teams / "plain", code=2)
    said = world.run("lock", world.teams / "plain", code=2)
    assert "imgforge stack publish puts versions there" in said
    world.settings(world.key.public)


def test_without_the_registry_what_is_pinned_goes_on(world: World) -> None:
    world.who()
    world.line.close()
    plain = world.teams / "plain"
    world.run("lock", plain)
    world.run("plan", plain)
    assert "again later" in world.run("lock", plain, "--upgrade", "stack", code=75)
    said = world.run("lock", plain, "--upgrade", "stack", "--offline", code=2)
    assert "the newest version of the stack acme-web cannot be looked for offline" in said
    row = world.who()["plain"]
    assert row["problem"] is None
    assert "Connection refused" in row["unknown"]
    assert "offline" in world.who("--offline")["plain"]["unknown"]
    world.settings(world.key.public, name="other")
    assert "wanted other/acme-web" in world.run("plan", plain, code=2)
