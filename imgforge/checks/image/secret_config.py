"""IF022: credentials elsewhere in the image configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.secrets import placeholder, secret_name, secret_value

RULE: Final = Rule(
    "IF022",
    Severity.CRITICAL,
    "The image configuration holds a credential",
    why="Build arguments and commands are written into the image's history; labels, the command"
    " and the health check into its configuration. docker history shows all of them to"
    " everyone who can pull the image. Deleting a file or unsetting a variable afterwards"
    " does not change what the history says.",
    remedy="Revoke it, and pass secrets to build steps as secret mounts, never as arguments.",
    example="""\
# Faulty: the argument's value is in the history of the step.
ARG NPM_TOKEN
RUN npm config set //registry.example.com/:_authToken=$NPM_TOKEN && npm ci

# Cured: a secret mount is in no layer and in no history.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci
""",
    references=(
        "NIST SP 800-190 4.1.4",
        "https://docs.docker.com/build/building/secrets/",
        "CIS Docker Benchmark 4.10",
        "Trivy DS-0031",
        "Dockle CIS-DI-0010",
    ),
)

_ASSIGNED: Final = re.compile(r"(?:^|[\s|])([A-Z][A-Z0-9_]{2,60})=(\"[^\"]*\"|'[^']*'|\S*)")

_SETS: Final = re.compile(r"(?:/bin/sh -c #\(nop\) +)?ENV ")

_OPTION: Final = re.compile(r"--?(?:D(?=[a-z]))?([A-Za-z][\w.-]{1,60})(?:=(.*))?", re.DOTALL)
_ELSEWHERE: Final = ("stdin", "env", "environment")
"""Ends of options that say where the secret comes from."""


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find them in history (build arguments too), labels, commands, and every other field."""
    rest = tuple(_rest(image.config))
    for place, text in (*_texts(image), *rest):
        kind = secret_value(text)
        if kind is not None:
            yield RULE.finding(f"{place} holds a {kind}", key=place)
    for number, text in enumerate(_history(image)):
        yield from _assigned(f"history step {number}", "history", text)
    for place, text in rest:
        yield from _assigned(place, place, text)
    for place, words in _commands(image):
        yield from _assigned(place, f"{place} sets", "\n".join(words))
        yield from _given(place, words)


def _assigned(place: str, key: str, text: str) -> Iterator[Finding]:
    for name, value in _ASSIGNED.findall(text):
        if secret_name(name) and not placeholder(value):
            message = f"{place} sets {name}, which is named for a secret"
            yield RULE.finding(message, key=f"{key}:{name}")


def _given(place: str, words: tuple[str, ...]) -> Iterator[Finding]:
    for name, value in _arguments(words):
        named = secret_name(name) and not name.endswith(_ELSEWHERE)
        # What is known by its value has been said already.
        if named and not placeholder(value) and secret_value(value) is None:
            message = f"{place} gives {name}, which is named for a secret"
            yield RULE.finding(message, key=f"{place}:{name}")


def _history(image: ImageFacts) -> list[str]:
    """Return the steps without the variables that are still set: those have a rule of their own."""
    variables = sorted(filter(None, image.settings.env), key=len, reverse=True)
    if not variables:
        return list(image.settings.history)
    said = re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, variables))})(?!\S)")
    return [said.sub("", text) if _SETS.match(text) else text for text in image.settings.history]


def _commands(image: ImageFacts) -> Iterator[tuple[str, tuple[str, ...]]]:
    settings = image.settings
    yield "the command", (*settings.entrypoint, *settings.cmd)
    yield "the health check", settings.healthcheck


def _arguments(words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield options and their values: ``--name=value``, ``--name value``, ``-Dname=value``."""
    for word, after in zip_longest(words, words[1:], fillvalue=""):
        match = _OPTION.fullmatch(word)
        if match is not None and match[2] is not None:
            yield match[1], match[2]
        elif match is not None and word.startswith("--") and not after.startswith("-"):
            yield match[1], after


def _texts(image: ImageFacts) -> Iterator[tuple[str, str]]:
    settings = image.settings
    for number, text in enumerate(_history(image)):
        yield f"history step {number}", text
    for name, value in sorted(settings.labels.items()):
        yield _named("label", name), f"{name}={value}"
    yield "the entrypoint", "\n".join(settings.entrypoint)
    yield "the command", "\n".join(settings.cmd)
    yield "the health check", "\n".join(settings.healthcheck)


def _rest(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts of every field that no other look is taken at, unknown ones included.

    Docker's ``container_config`` has an environment of its own.
    """
    process, history = config.get("config") or {}, config.get("history") or []
    fields = [(key, value) for key, value in config.items() if key not in _PARTS]
    fields += [(f"config.{key}", value) for key, value in process.items() if key not in _TOLD]
    fields += [(f"history.{key}", v) for step in history for key, v in (step or {}).items()]
    for name, value in fields:
        if name not in _STEPS:
            yield _named("the field", name), "\n".join((name, *_strings(value)))


def _strings(value: object) -> Iterator[str]:
    pending = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, Mapping):
            pending += [*here, *here.values()]
        elif isinstance(here, list):
            pending += here


def _named(what: str, name: str) -> str:
    """Say which, but not if its name is a secret."""
    return what if secret_value(name) else f"{what} {name}"


_PARTS: Final = frozenset({"config", "history", "rootfs"})
_TOLD: Final = frozenset({"Env", "Labels", "Entrypoint", "Cmd", "Healthcheck"})
_STEPS: Final = frozenset({"history.created_by", "history.comment", "history.created"})
