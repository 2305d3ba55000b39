"""A project on a base of one package, and the archive that the package comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from imgforge import assets, lock, pins, project
from imgforge.bases import definitions

Make = Callable[..., bytes]
SPEC = """\
[image]
name = "acme/web"

[stack]
name = "binary"
base = "demo"

[app]
source = ["web"]
entrypoint = ["/app/web"]
"""


class Archive(Protocol):
    url: str
    files: dict[str, bytes]
    asked: list[str]
    stanzas: dict[tuple[str, str, str], list[str]]

    def add(self, name: str, package: bytes, suite: str = "trixie", **fields: str) -> str: ...

    def publish(self, **changes: str) -> None: ...


class Place:
    """A project on the base ``demo``, and the archive that its packages come from."""

    def __init__(self, root: Path, archive: Archive, make_deb: Make) -> None:
        self.root, self.archive, self._deb = root, archive, make_deb
        self.path = root / "imgforge.lock"

    def offer(self, name: str, version: str, suite: str = "trixie", **changes: str) -> None:
        """Publish ``version`` of a package beside what is there."""
        control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n"
        package = self._deb({f"./usr/share/{name}": version.encode()}, control=control)
        path = self.archive.add(f"{name}-{version}", package, suite, Version=version)
        stanzas = self.archive.stanzas["", suite, "main/binary-amd64"]
        stanzas[-1] = stanzas[-1].replace(f"Package: {name}-{version}\n", f"Package: {name}\n")
        assert path in stanzas[-1]
        self.archive.publish(**changes)

    def spec(self, text: str) -> None:
        (self.root / "imgforge.toml").write_text(text)

    def define(self, text: str) -> None:
        """Add to the definition of ``demo``, as a newer imgforge would have it."""
        path = self.root.parent / "bases" / "demo.toml"
        path.write_text(path.read_text() + text)
        forget()

    def load(self) -> project.Project:
        return project.load(self.root)

    def read(self) -> lock.Lock:
        return lock.read(self.path)

    def update(self, **how: Any) -> pins.Outcome:  # noqa: ANN401 - of pins.update
        return pins.update(self.load(), say=lambda _: None, **how)


def forget() -> None:
    """Do what a new process would: read definitions and data folders again."""
    definitions.load.cache_clear()
    assets.fingerprint.cache_clear()


def made_place(folder: Path, archive: Archive, make_deb: Make) -> Place:
    """Make a project in ``folder``, and publish ``demo`` 1; the fixture ``demo`` defines it."""
    root = folder / "project"
    root.mkdir()
    made = Place(root, archive, make_deb)
    made.spec(SPEC)
    made.offer("demo", "1")
    return made
