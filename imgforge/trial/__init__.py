"""Trials: a built image is run as one would run it in earnest, and compared with expectations.

The container's root is read-only, it has no capabilities and can get none, and it may write only
below ``/tmp`` and where its image declares. What it needs (variables, secrets) comes from
``expect.toml``; how it is run, the image itself says.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.trial import probing
from imgforge.trial.container import Image, Trial, connected, inspect, started
from imgforge.trial.expect import Ending, Expectation, Probe
from imgforge.trial.probing import shown

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]

START = 60
"""Seconds until a server must be well, or a program must have ended."""

STOP = 3.0
"""Seconds within which a program ends once it is asked to."""

_PAUSE = 0.1
_UNSTARTED = (125,)
_ASKED = (0, 143)
"""Exit codes of a program that was asked to end with SIGTERM."""


def run(name: str, expected: Expectation, say: Say) -> list[str]:
    """Try the image ``name`` of the engine's store; return what is not as expected, in words.

    ToolMissingError without an engine on this machine, InvalidInputError without the image,
    BuildFailedError if the engine cannot start it at all.
    """
    with connected() as client, tempfile.TemporaryDirectory() as folder:
        image = inspect(client, name)
        # Docker mounts the file as it is: the container's user must be able to read it.
        Path(folder).chmod(0o711)
        secrets = _secrets(expected, Path(folder))
        found = [*_declared(image, expected), *_refusal(client, image, expected, say)]
        if expected.serves:
            found += _serving(client, image, expected, secrets, say)
        for number, ending in enumerate(expected.runs, 1):
            say(f"run {number} of {len(expected.runs)}")
            found += [
                f"run {number}: {text}"
                for text in _ending(client, image, expected, secrets, ending)
            ]
        return found


def forget(name: str) -> None:
    """Take the name of an image, and with it the image, out of the engine's store."""
    from docker.errors import APIError

    with connected() as client, contextlib.suppress(APIError):
        client.images.remove(name, force=True)


def _secrets(expected: Expectation, folder: Path) -> dict[str, Path]:
    found = {}
    for number, (name, value) in enumerate(expected.secrets.items()):
        path = folder / str(number)
        path.write_text(value, encoding="utf-8")
        path.chmod(0o444)
        found[name] = path
    return found


def _declared(image: Image, expected: Expectation) -> Iterator[str]:
    """Compare what the image says it needs with what the expectation gives."""
    if image.user.partition(":")[0] in {"", "0", "root"}:
        yield f"it runs as root (user {image.user!r})"
    missing = set(image.secrets) - expected.secrets.keys()
    unknown = expected.secrets.keys() - set(image.secrets)
    if missing:
        yield f"no value for its secrets {', '.join(sorted(missing))} in [secrets]"
    if unknown:
        yield f"the spec declares no secrets {', '.join(sorted(unknown))}"
    lacking = set(image.required_env) - expected.env.keys()
    if lacking and expected.serves:
        yield f"no value for {', '.join(sorted(lacking))} in [env], which the image requires"


def _refusal(client: DockerClient, image: Image, expected: Expectation, say: Say) -> Iterator[str]:
    """Run it without its required environment: it must end, and say why."""
    if not image.required_env:
        return
    if not expected.refuses:
        yield "it has required-env, and nothing says what it `refuses` to run without"
        return
    say("run it without its required environment")
    with started(client, image, env={}, secrets={}) as trial:
        if not trial.wait(START):
            yield f"it runs without {', '.join(image.required_env)}"
            return
        ended = trial.result()
    if ended.code in {0, *_UNSTARTED}:
        yield f"it ends with {ended.code} when it lacks its required environment"
    if expected.refuses not in ended.error + ended.output:
        yield f"{expected.refuses!r} is not in what it says then: {shown(ended.error)}"


def _serving(
    client: DockerClient,
    image: Image,
    expected: Expectation,
    secrets: Mapping[str, Path],
    say: Say,
) -> Iterator[str]:
    """Start it, ask it, stop it."""
    with started(client, image, env=expected.env, secrets=secrets, port=expected.port) as trial:
        say("wait until it is well")
        if reason := _unwell(trial, image, expected):
            yield f"{reason}; it logged {shown(trial.logs())}"
            return
        known: dict[str, str] = {}
        for probe in expected.probes:
            say(f"{probe.method} {probe.path}")
            wrong, named = probing.judge(trial.port(expected.port or 0), probe, known)
            known |= named
            if wrong:
                yield wrong
        if expected.log and not _awaited(lambda: bool(re.search(expected.log, trial.logs()))):
            yield f"{expected.log!r} is not in its log: {shown(trial.logs())}"
        say("stop it")
        yield from _stopping(trial)
        yield from _leaks(trial.logs(), expected)


def _unwell(trial: Trial, image: Image, expected: Expectation) -> str:
    """Wait until it is well by its own health check and answers HTTP; say what is not by then."""
    said = "it did not start"

    def well() -> bool:
        nonlocal said
        if image.health:
            code, words = trial.execute(image.health)
            if code != 0:
                said = f"its health check ends with {code}: {shown(words)}"
                return False
        if expected.port is None:
            said = f"{expected.log!r} is not in its log"
            return bool(image.health) or bool(re.search(expected.log, trial.logs()))
        said = f"nothing answers at port {expected.port}"
        return _answers(trial, expected)

    def settled() -> bool:
        return trial.ended() or well()

    if not _awaited(settled, START):
        return f"{said}, {START} s after it was started"
    if trial.ended():
        return f"it ended by itself with exit code {trial.result().code}"
    return ""


def _answers(trial: Trial, expected: Expectation) -> bool:
    first = expected.probes[0] if expected.probes else Probe(path="/", status=200)
    # Only whether anything answers: what is sent must change nothing.
    asked = first if first.method == "GET" else Probe(path="/", status=200)
    try:
        probing.ask(trial.port(expected.port or 0), asked, {})
    except (OSError, http.client.HTTPException):
        return False
    return True


def _stopping(trial: Trial) -> Iterator[str]:
    if trial.ended():
        yield f"it ended by itself with exit code {trial.result().code}"
        return
    took = trial.stop(10)
    ended = trial.result()
    if took > STOP:
        yield f"it took {took:.1f} s to end after it was asked to; {STOP:.0f} s are allowed"
    if ended.code not in _ASKED:
        yield f"it ended with exit code {ended.code} when it was asked to: 0 or 143 are right"
    if ended.killed:
        yield "it ran out of memory"


def _ending(
    client: DockerClient,
    image: Image,
    expected: Expectation,
    secrets: Mapping[str, Path],
    ending: Ending,
) -> Iterator[str]:
    """Run it to its end with given arguments and input."""
    with started(
        client,
        image,
        arguments=ending.arguments,
        env={**expected.env, **ending.env},
        secrets=secrets,
        given=ending.input,
    ) as trial:
        if not trial.wait(START):
            yield f"it did not end within {START} s; it said {shown(trial.logs())}"
            return
        ended = trial.result()
    if ended.code != ending.exit:
        said = shown(ended.error or ended.output)
        yield f"exit code {ended.code}, not {ending.exit}; it said {said}"
    if ended.killed:
        yield "it ran out of memory"
    for what, expression, text in (
        ("output", ending.output, ended.output),
        ("error", ending.error, ended.error),
    ):
        if not re.search(expression, text):
            yield f"{expression!r} is not in its standard {what}: {shown(text)}"
    yield from _leaks(ended.output + ended.error, expected)


def _leaks(said: str, expected: Expectation) -> Iterator[str]:
    """Look for what nothing may log."""
    for name, value in expected.secrets.items():
        if value.strip() and value.strip() in said:
            yield f"it logs the secret {name}"
    if "Traceback (most recent call last)" in said and not expected.runs:
        yield f"it logs a traceback: {shown(said)}"


def _awaited(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True
