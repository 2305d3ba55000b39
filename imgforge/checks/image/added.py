"""IF059: steps that use ADD."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.history import Step, steps
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF059",
    Severity.MEDIUM,
    "A step uses ADD",
    why="ADD decides by itself what to do: it downloads what looks like a URL and unpacks what"
    " looks like an archive, so a crafted file may spread over the file system. What comes over"
    " plain HTTP can be exchanged on the way.",
    remedy="Use COPY for files, and ADD --checksum over https for downloads.",
    example="ADD http://acme.example/tool.tar.gz /opt/\n\nADD --checksum=sha256:24454f83...\\\n"
    "  https://acme.example/tool.tar.gz /opt/",
    references=(
        "CIS Docker Benchmark 4.9",
        "hadolint DL3020",
        "Trivy DS-0005",
        "Dockle CIS-DI-0009",
    ),
)

_FLAG: Final = re.compile(r"--\w+(?:=\S+)?\s+")
_REMOTE: Final = re.compile(r"(?i)(?:https?|ftp|git|ssh)://\S+|git@\S+")
_PINNED: Final = re.compile(r"#[0-9a-f]{40}\b|[?&]checksum=")
_ARCHIVE: Final = re.compile(r"(?i)\.(?:tar|tgz|txz|tbz2?|tar\.\w+)$")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge every ADD of the history but the one that unpacks a base's root file system."""
    for step in steps(image):
        if step.instruction == "ADD":
            yield from _judge(step)


def _judge(step: Step) -> Iterator[Finding]:
    text = _FLAG.sub("", step.text)
    checked = "--checksum=" in step.text
    remote = _REMOTE.findall(text)
    for url in remote:
        if checked or _PINNED.search(url):
            continue
        plain = url.lower().startswith(("http://", "ftp://", "git://"))
        how = "over plain HTTP" if plain else "and history does not say whether it was checked"
        shown = re.sub(r"//[^/@\s]*@", "//", url)[:120]
        message = f"history step {step.number} downloads {shown}, {how}"
        yield RULE.finding(message, key=shown, severity=Severity.MEDIUM if plain else Severity.LOW)
    words = [word for word in text.replace(" in ", " ").split() if word]
    unpacks = any(_ARCHIVE.search(word) for word in words) or words[-1:] == ["/"]
    if not remote and not unpacks:
        message = f"history step {step.number} adds {' '.join(words)[:120]}: COPY would do"
        yield RULE.finding(message, key=" ".join(words)[-120:], severity=Severity.LOW)
