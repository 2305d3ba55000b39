"""The tests of a stack: built with it on real engines, judged, and tried."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imgforge import engines, pins, pipeline, policy, project, trial
from imgforge.asked import Options
from imgforge.console import Console
from imgforge.errors import ImgforgeError, InvalidInputError, ToolMissingError
from imgforge.files import SPEC
from imgforge.stack import LoadedStack
from imgforge.trial import expect
from imgforge.workshop import tests

TAG = "imgforge-stack-test"


@dataclass(frozen=True, slots=True)
class How:
    """How to test: ``engines`` are those asked for, all that can if there are none."""

    engines: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    offline: bool = False
    no_cache: bool = False
    upgrade: bool = False
    """Whether the bases that the tests' locks pin are resolved anew."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test came out on an engine; ``failures`` say what was wrong, in words.

    ``digest`` is the image's, empty if none was made; ``seconds`` the time for all.
    """

    test: str
    engine: str
    digest: str
    failures: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "test": self.test,
            "engine": self.engine,
            "digest": self.digest or None,
            "passed": not self.failures,
            "failures": list(self.failures),
            "seconds": round(self.seconds, 1),
        }


def run(folder: Path, stack: LoadedStack, how: How, console: Console) -> list[Outcome]:
    """Run the tests of the stack in ``folder``; see :func:`imgforge.workshop.tests.of`.

    What fails is an outcome. Raises InvalidInputError if there is no such test, ToolMissingError
    if an engine that was asked for, or every engine, is missing.
    """
    found = tests.of(folder)
    names = {test.name for test in found}
    if unknown := [name for name in how.only if name not in names]:
        raise InvalidInputError(
            f"{folder} has no test {', '.join(unknown)}",
            hint=f"tests: {', '.join(sorted(names)) or 'none'}",
        )
    wanted = [test for test in found if not how.only or test.name in how.only]
    if not wanted:
        raise InvalidInputError(
            f"{folder} has no tests",
            hint=f"a test is a folder in {folder / 'tests'} with {SPEC} and {expect.FILE}",
        )
    outcomes: list[Outcome] = []
    for test in wanted:
        outcomes += _same(list(_test(test, stack, how, console)))
    return outcomes


def _same(outcomes: list[Outcome]) -> list[Outcome]:
    """Add a failure where engines made different images of one test."""
    digests = {o.digest for o in outcomes if o.digest}
    if len(digests) < 2:  # noqa: PLR2004 - two are different
        return outcomes
    text = "engines make different images: " + ", ".join(
        f"{o.engine} {o.digest}" for o in outcomes if o.digest
    )
    return [replace(o, failures=(*o.failures, text)) for o in outcomes]


def _test(test: Path, stack: LoadedStack, how: How, console: Console) -> Iterator[Outcome]:
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imgforge-stack-test-") as scratch:
        folder = Path(scratch) / test.name
        shutil.copytree(test, folder, symlinks=True, ignore=tests.IGNORED)
        try:
            expected = expect.read(folder)
            names = _ready(folder, stack, expected, how, console)
        except ToolMissingError:
            raise
        except ImgforgeError as error:
            yield Outcome(test.name, "", "", _words(error), time.monotonic() - start)
            return
        for name in names:
            start = time.monotonic()
            with console.step(f"{test.name} on {name}"):
                digest, failures = _build(folder, name, stack, expected, how, console)
            yield Outcome(test.name, name, digest, failures, time.monotonic() - start)


def _ready(
    folder: Path, stack: LoadedStack, expected: expect.Expectation, how: How, console: Console
) -> list[str]:
    """Prepare and lock the copy of a test; return the engines that build it."""
    with console.step(f"{folder.name}: prepare and lock") as say:
        expect.prepare(expected, folder)
        loaded = project.load(folder, stack=stack)
        pins.update(
            loaded,
            upgrade=() if how.upgrade else None,
            offline=how.offline,
            policy=policy.effective(None),
            say=say,
        )
    plan = loaded.plan()
    allowed = expected.engines or list(engines.ENGINES)
    wanted = [name for name in how.engines or allowed if name in allowed]
    reasons = {name: engines.load(name).unable(plan) for name in wanted}
    able = [name for name, reason in reasons.items() if not reason]
    for name, reason in reasons.items():
        if reason and not how.engines:
            console.note(f"{folder.name}: not tried on {name}: {reason}")
        elif reason:
            raise ToolMissingError(
                f"{folder.name}: engine {name} cannot build this: {reason}", hint=engines.INSTALL
            )
    if not able:
        raise ToolMissingError(
            f"{folder.name}: no engine can build this",
            details=[f"{name}: {reason}" for name, reason in reasons.items()],
            hint=engines.INSTALL,
        )
    return able


def _build(  # noqa: PLR0917 - what a test is made of
    folder: Path,
    engine: str,
    stack: LoadedStack,
    expected: expect.Expectation,
    how: How,
    console: Console,
) -> tuple[str, tuple[str, ...]]:
    """Build on ``engine`` and try the image; return its digest and what is wrong."""
    options = Options(
        engine=engine,
        tags=(f"{TAG}-{engine}",),
        no_cache=how.no_cache,
        output=folder.parent / f"output-{engine}",
        load=True,
        offline=how.offline,
        stack=stack,
    )
    try:
        result = pipeline.build(folder / SPEC, options, console)
    except ToolMissingError:
        raise
    except ImgforgeError as error:
        return "", _words(error)
    name = f"{result.record.name}:{options.tags[0]}"
    try:
        with console.step(f"try {name}") as say:
            return result.record.image["digest"], tuple(trial.run(name, expected, say))
    except ToolMissingError:
        raise
    except ImgforgeError as error:
        return result.record.image["digest"], _words(error)
    finally:
        trial.forget(name)


def _words(error: ImgforgeError) -> tuple[str, ...]:
    return (error.message, *error.details)


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the report for people: a line a test, and below it what failed."""
    for outcome in outcomes:
        verdict = "FAILED" if outcome.failures else "passed"
        engine = f" on {outcome.engine}" if outcome.engine else ""
        took = f"({outcome.seconds:.1f} s)"
        yield f"{verdict}  {outcome.test}{engine} {took} {outcome.digest}".rstrip()
        for failure in outcome.failures:
            yield from (f"        {line}" for line in failure.splitlines())
