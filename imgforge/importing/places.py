"""Where the files of the context went in the Dockerfile's image, and where imgforge puts them.

imgforge copies each source to ``/app`` under its own path; a Dockerfile may put it anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from imgforge.dockerfile import Dockerfile, Step
from imgforge.plan import APP

_MOST: Final = 1000
"""Places that are followed in a stage: stages that copy of each other could make ever more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that moved: ``old`` in the Dockerfile's image is ``new`` in imgforge's."""

    source: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Places:
    """All that moved, the working directory of the Dockerfile's image, and the context."""

    moved: tuple[Place, ...]
    workdir: str
    root: Path

    def _found(self, path: str) -> tuple[Place, str] | None:
        """Return what put ``path`` there, and the rest of it below that."""
        whole = str(PurePosixPath(self.workdir) / path)
        for place in sorted(self.moved, key=lambda p: len(p.old), reverse=True):
            top = place.old.rstrip("/") + "/"
            if whole == place.old:
                return place, ""
            if whole.startswith(top):
                return place, whole.removeprefix(top)
        return None

    def of(self, path: str) -> str:
        """Return where ``path`` (absolute, or relative to the working directory) is now.

        The working directory is ``/app``; what else no copy put there stays as it is.
        """
        found = self._found(path)
        if found is not None:
            return str(PurePosixPath(found[0].new) / found[1])
        here = path.startswith("/") and path != "/" and path.rstrip("/") == self.workdir
        return APP if here else path

    def has(self, path: str) -> bool:
        """Whether ``path`` is something of the context that a copy put there."""
        found = self._found(path)
        if found is None:
            return False
        place, rest = found
        made = not rest and place.source != "."  # what is built first may not be there yet
        return made or (self.root / place.source / rest).exists()

    def file(self, path: str) -> Path | None:
        """Return the file of the context that a copy put at ``path``; None if it is none."""
        found = self._found(path)
        file = self.root / found[0].source / found[1] if found is not None else None
        return file if file is not None and file.is_file() else None

    def beside(self, word: str) -> Path | None:
        """Return the only file that was copied under the name of a command in PATH."""
        found = [p for p in self.moved if PurePosixPath(p.old).name == word]
        file = self.root / found[0].source if len(found) == 1 else None
        return file if file is not None and file.is_file() else None

    @property
    def home(self) -> str:
        """Where the files are now that were in the working directory of the Dockerfile's image."""
        found = self._found(self.workdir)
        if found is not None and not (self.root / found[0].source).is_file():
            return self.of(self.workdir)
        for place in self.moved:
            old = PurePosixPath(place.old)
            if self.workdir != "/" and old.is_relative_to(self.workdir):
                below = f"/{old.relative_to(self.workdir)}"
                if place.new.endswith(below):
                    return place.new.removesuffix(below) or APP
        return APP

    def empty(self, path: str) -> str:
        """Return where a folder is now that nothing was copied to; '' if it holds anything."""
        whole = PurePosixPath(self.workdir) / path
        holds = [PurePosixPath(self.workdir), *(PurePosixPath(place.old) for place in self.moved)]
        if any(held.is_relative_to(whole) for held in holds) or self.has(path):
            return ""
        if whole.is_relative_to(self.workdir) and self.workdir != "/":
            return str(PurePosixPath(APP) / whole.relative_to(self.workdir))
        return str(whole)

    def argument(self, word: str) -> str:
        """Return an argument as it must be now: a path of the application's may have moved."""
        if word.startswith("-") or not self.has(word):
            return word
        now = self.of(word)
        same = str(PurePosixPath(APP) / word) == now
        return word if same and not word.startswith("/") else now


def placed(file: Dockerfile, root: Path) -> tuple[Place, ...]:
    """Return where the context's files are in the image, whatever stages they went by."""
    made: list[tuple[Place, ...]] = []
    ends: list[PurePosixPath] = []
    for stage in file.stages[: file.target + 1]:
        found = list(made[stage.parent]) if stage.parent is not None else []
        here = ends[stage.parent] if stage.parent is not None else PurePosixPath("/")
        for step in stage.steps:
            if step.name == "WORKDIR" and step.args:
                here /= step.args[0]
            elif step.name in {"COPY", "ADD"} and not step.instruction.heredocs:
                if step.source is not None:  # what comes later in the file is not followed
                    found += _carried(step, here, (*made, ())[min(step.source, len(made))], root)
                elif step.instruction.flag("from") is None:
                    found += _moves(step, here, root)
        made.append(tuple(dict.fromkeys(found))[:_MOST])
        ends.append(here)
    return made[file.target]


def _carried(
    step: Step, workdir: PurePosixPath, made: tuple[Place, ...], root: Path
) -> Iterator[Place]:
    """Yield what a COPY takes of the context's files in another stage, which has them at ``made``.

    What is made there lies beside them, and is none of them.
    """
    *sources, destination = step.args
    target = workdir / destination
    folder = destination.endswith("/") or destination in {".", "./", ".."} or len(sources) > 1
    for taken in (PurePosixPath("/") / written for written in sources):
        for place in made:
            old = PurePosixPath(place.old)
            if old.is_relative_to(taken):
                yield replace(place, old=str(target / old.relative_to(taken)))
            elif taken.is_relative_to(old):
                rest = str(taken.relative_to(old))
                source = str(PurePosixPath(place.source) / rest)
                if not (root / source).exists():
                    continue
                into = folder and not (root / source).is_dir()
                put = target / taken.name if into else target
                yield Place(source, str(put), f"{APP}/{source}")


def _moves(step: Step, workdir: PurePosixPath, root: Path) -> Iterator[Place]:
    """Yield what a COPY or ADD of the context puts where."""
    *sources, destination = step.args
    target = workdir / destination
    folder = destination.endswith("/") or len(sources) > 1 or workdir.is_relative_to(target)
    for written in sources:
        source = str(PurePosixPath(written.lstrip("/") or "."))
        new = APP if source == "." else f"{APP}/{source}"
        if source == "." or (root / source).is_dir():
            yield Place(source, str(target), new)
        else:
            old = target / PurePosixPath(source).name if folder else target
            yield Place(source, str(old), new)
