"""Probes: requests over HTTP to a container under trial."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from imgforge.trial.container import HOST
from imgforge.trial.expect import Probe

TIMEOUT = 10
"""Seconds for one answer."""

_SHOWN = 500
_LARGEST = 4 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: str


def ask(port: int, probe: Probe, known: Mapping[str, str]) -> Answer:
    """Send a probe to ``port`` of this machine; OSError or HTTPException without an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT)
    try:
        headers = {name: filled(value, known) for name, value in probe.headers.items()}
        body = probe.text
        if probe.document is not None:
            body = json.dumps(probe.document)
            headers.setdefault("Content-Type", "application/json")
        data = None if body is None else body.encode()
        connection.request(probe.method, filled(probe.path, known), data, headers)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read(_LARGEST).decode(errors="replace"))
    finally:
        connection.close()


def judge(port: int, probe: Probe, known: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return what is wrong with the answer (empty if nothing), and what its body named."""
    what = f"{probe.method} {probe.path}"
    try:
        answer = ask(port, probe, known)
    except (OSError, http.client.HTTPException, LookupError) as error:
        return f"{what}: no answer: {error!r}", {}
    if answer.status != probe.status:
        return f"{what}: status {answer.status}, not {probe.status}: {shown(answer.body)}", {}
    for name, expression in probe.answers.items():
        value = answer.headers.get(name.lower())
        if (value is not None) if expression == "" else not re.search(expression, value or ""):
            return f"{what}: header {name} is {value!r}, not {expression!r}", {}
    found = re.search(probe.body, answer.body)
    if found is None:
        return f"{what}: {probe.body!r} is not found in its body: {shown(answer.body)}", {}
    return "", {name: value for name, value in found.groupdict().items() if value is not None}


def filled(text: str, known: Mapping[str, str]) -> str:
    """Put what earlier probes named in place of ``{name}``; LookupError for an unknown name."""
    return re.sub(r"\{(\w+)\}", lambda match: known[match[1]], text)


def shown(text: str) -> str:
    """Return the end of a text for a message, on one line."""
    return repr(text if len(text) <= _SHOWN else "..." + text[-_SHOWN:])
