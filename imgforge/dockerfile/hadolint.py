"""hadolint's findings beside our own: style and what else it knows, where it is installed.

Its codes are kept (``DL3008``, ``SC2086``); those that one of our rules refers to are left out
where that rule has a finding for the same instruction. See hadolint's README, "CLI" (``--format
json``: a list of objects with line, code, message, column, file, level).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

from imgforge import process
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.errors import BuildFailedError

PROGRAM: Final = "hadolint"
TIMEOUT: Final = 120
"""Seconds."""

_LEVELS: Final = {
    "error": Severity.MEDIUM,
    "warning": Severity.LOW,
    "info": Severity.INFO,
    "style": Severity.INFO,
    "ignore": Severity.INFO,
}
_CODE: Final = re.compile(r"(?:DL|SC)[0-9]{4}")
_WIKI: Final = "https://github.com/hadolint/hadolint/wiki/"


def page(code: str) -> str:
    """Return the page that explains one of hadolint's codes, or of ShellCheck's within it."""
    wiki = _WIKI if code.startswith("DL") else "https://www.shellcheck.net/wiki/"
    return f"{wiki}{code}"


def installed() -> bool:
    """Whether there is a hadolint to be run."""
    return shutil.which(PROGRAM) is not None


def run(path: Path) -> list[Finding]:
    """Return hadolint's findings for the Dockerfile at ``path``, by line.

    Its own configuration files are not read: the policy decides. Raises ToolMissingError without
    hadolint, and BuildFailedError if it fails or says what it should not.
    """
    argv = [PROGRAM, "--no-fail", "--no-color", "--disable-ignore-pragma", "--format", "json"]
    # Without a configuration of ours it would take what lies in the working folder or at home.
    argv += ["--config", "/dev/stdin", "--", str(path.absolute())]
    done = process.run(argv, timeout=TIMEOUT, input=b"ignored: []\n")
    return read(done.stdout, str(path))


def read(output: bytes, name: str) -> list[Finding]:
    """Read what hadolint printed about the file that findings call ``name``.

    BuildFailedError if it is not the list that is documented.
    """
    try:
        items = json.loads(output)
        found = [_finding(item, name) for item in items]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BuildFailedError(
            f"hadolint's report cannot be read: {error!r}",
            hint="the Dockerfile was not judged whole; try another version of hadolint",
        ) from error
    return sorted(found, key=lambda finding: (finding.line, finding.check))


def merged(
    ours: Collection[Finding], theirs: Iterable[Finding], rules: Iterable[Rule], data: bytes
) -> list[Finding]:
    """Return both, by line, without those of ``theirs`` that ``ours`` says already.

    That is so if one of ``rules`` that refers to the code has a finding in the same instruction of
    the file ``data``.
    """
    from imgforge.dockerfile.lines import ProblemError
    from imgforge.dockerfile.lines import read as read_lines

    same: dict[str, set[str]] = {}
    for rule in rules:
        for reference in rule.references:
            tool, _, code = reference.partition(" ")
            if tool == "hadolint":
                same.setdefault(code, set()).add(rule.id)
    try:
        ends = {i.line: i.end for i in read_lines(data)[1]}
    except ProblemError:
        ends = {}
    said = [(finding.check, finding.line) for finding in ours]

    def known(finding: Finding) -> bool:
        lines = range(finding.line, ends.get(finding.line, finding.line) + 1)
        return any(check in same.get(finding.check, ()) and line in lines for check, line in said)

    both = [*ours, *(finding for finding in theirs if not known(finding))]
    return sorted(both, key=lambda finding: (finding.line, -finding.severity, finding.check))


def _finding(item: dict[str, Any], name: str) -> Finding:
    code, line, message, level = item["code"], item["line"], item["message"], item["level"]
    if not (isinstance(code, str) and _CODE.fullmatch(code) and isinstance(message, str)):
        raise ValueError(f"no finding: {str(item)[:100]}")
    if type(line) is not int or line < 0:
        raise ValueError(f"no line: {str(line)[:100]}")
    text = " ".join(message.split())
    return Finding(
        code,
        _LEVELS[level],
        f"hadolint {code}",
        text,
        f"See {page(code)}.",
        path=name,
        line=max(1, line),
        key=f"{code}:{text}",
    )
