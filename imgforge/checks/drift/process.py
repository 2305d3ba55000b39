"""IF080: the process is configured otherwise than the spec says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.drift.expected import Expectation
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.secrets import secret_name, secret_value

RULE: Final = Rule(
    "IF080",
    Severity.HIGH,
    "The image is configured otherwise than its spec says",
    why="What was reviewed is the spec. A user, a variable, a port or a command that differs from "
    "it was changed after the review, by hand or by another tool, and nobody looked at it.",
    remedy="Build the image again from its spec, or write the change into the spec.",
    example='# imgforge.toml: [run] user = "65532:65532"; in the image: User "0"\n'
    "imgforge build && imgforge check --spec imgforge.toml",
    references=("NIST SP 800-190 4.2.2", "NIST SP 800-53 CM-6"),
)

_SEVERE: Final = frozenset({"User", "Entrypoint", "Cmd"})
_LISTS: Final = ("Entrypoint", "Cmd", "Shell", "OnBuild")
_TEXTS: Final = ("User", "WorkingDir", "StopSignal")
_MAPS: Final = ("Labels", "ExposedPorts", "Volumes")


def check(image: ImageFacts, expected: Expectation) -> Iterator[Finding]:
    """Compare every field of the ``config`` object, entry by entry, both ways."""
    has, wanted = image.config.get("config") or {}, expected.config
    for field in (*_TEXTS, *_LISTS):
        found, said = has.get(field) or None, wanted.get(field) or None
        if found != said:
            severity = Severity.HIGH if field in _SEVERE else Severity.MEDIUM
            message = f"{field} is {_shown(found)}, the spec says {_shown(said)}"
            yield RULE.finding(message, key=field, severity=severity)
    if (has.get("Healthcheck") or None) != (wanted.get("Healthcheck") or None):
        message = "the health check differs from the spec's"
        yield RULE.finding(message, key="Healthcheck", severity=Severity.MEDIUM)
    yield from _entries("environment variable", "Env", _variables(has), _variables(wanted))
    for field in _MAPS:
        what = {"Labels": "label", "ExposedPorts": "port", "Volumes": "volume"}[field]
        yield from _entries(what, field, has.get(field) or {}, wanted.get(field) or {})


def _entries(
    what: str, field: str, has: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[Finding]:
    severity = Severity.LOW if field == "Labels" else Severity.MEDIUM
    for name in sorted(has.keys() | wanted.keys()):
        if name not in wanted:
            said = f"the {what} {name} is not in the spec"
        elif name not in has:
            said = f"the {what} {name} of the spec is missing"
        elif has[name] != wanted[name]:
            found, right = _value(name, has[name]), _value(name, wanted[name])
            said = f"the {what} {name} is {found}, the spec says {right}"
        else:
            continue
        yield RULE.finding(said, key=f"{field}:{name}", severity=severity)


def _variables(config: Mapping[str, Any]) -> dict[str, str]:
    pairs = (item.partition("=") for item in config.get("Env") or [])
    return {name: value for name, _, value in pairs}


def _value(name: str, value: object) -> str:
    """Show a value, unless it may be a secret."""
    text = str(value)
    if secret_name(name) or secret_value(f"{name}={text}") is not None:
        return "another value"
    return _shown(value)


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004 - a line of a terminal
