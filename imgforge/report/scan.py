"""A scan for a terminal: vulnerabilities by what has to change, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from imgforge.report.text import plain
from imgforge.severity import LEVELS
from imgforge.vulnerabilities import cure

if TYPE_CHECKING:
    from imgforge.scanning import Image, Result
    from imgforge.vulnerabilities.baseline import Changes
    from imgforge.vulnerabilities.judging import Verdict
    from imgforge.vulnerabilities.vex.applied import Applied

MOST: Final = 20
"""Vulnerabilities of one place that are shown one by one, and reasons of one kind."""
_COLOURS: Final = {"critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2"}
_ITSELF: Final = ("IF200", "IF201", "IF203", "IF204")


def render(
    results: Sequence[Result], changes: Changes | None = None, *, colour: bool = False
) -> str:
    """Return plain ASCII lines; names from images cannot reach a terminal raw."""
    quiet = [r for r in results if len(results) > 1 and not any(i.verdicts for i in r.images)]
    lines: list[str] = []
    for result in results:
        if result not in quiet or not result.report.passed:
            lines += [*_result(result, colour=colour), ""]
    if quiet:
        lines += [f"{len(quiet)} of {len(results)} targets have no known vulnerability", ""]
    if changes is not None:
        lines += [*_changes(changes), ""]
    if len(results) > 1:
        lines.append(_total(results))
    return "\n".join(lines).rstrip("\n") + "\n"


def _result(result: Result, *, colour: bool) -> Iterator[str]:
    name = result.target if result.digest in result.target else f"{result.target} {result.digest}"
    yield _painted(plain(name), "1", colour=colour)
    for image in result.images:
        inventory = image.scanned.inventory
        system = f", {inventory.system.id} {inventory.system.version}" if inventory.system else ""
        count = len(inventory.components)
        yield plain(f"  {image.platform}{system}: {count} components ({result.origin})")
        yield from _image(image, colour=colour)
    verdict = "passed" if result.report.passed else "FAILED"
    limit = result.report.vulnerable_on or result.report.fail_on
    yield f"  {_counts(result)}: {verdict} ({limit} or worse fail)"


def _image(image: Image, *, colour: bool) -> Iterator[str]:
    yield from _open(image, colour=colour)
    yield from _excused([verdict for verdict in image.verdicts if verdict.excuse is not None])
    yield ""
    yield from _unmatched(image)
    yield from _left(image)
    yield from (f"    {_vex(applied)}" for applied in image.scanned.documents)
    for finding in image.findings:
        if finding.check not in _ITSELF:
            yield plain(f"    {finding.severity} {finding.check}: {finding.message}")


def _open(image: Image, *, colour: bool) -> Iterator[str]:
    places: dict[str, list[Verdict]] = {}
    for verdict in image.verdicts:
        if verdict.excuse is None:
            one = verdict.vulnerability
            where = "nothing mends these yet" if not one.fixed else cure.place(one.component)
            places.setdefault(where, []).append(verdict)
    for where, verdicts in places.items():
        head = f"{where}: imgforge lock --upgrade, and build again" if where == "base" else where
        yield f"\n    {plain(head)}"
        for verdict in verdicts[:MOST]:
            level = _painted(f"{verdict.level:<8}", _COLOURS[verdict.level], colour=colour)
            yield f"      {level} {_line(verdict)}"
        if len(verdicts) > MOST:
            yield f"      ... and {len(verdicts) - MOST} more; --format json lists all"


def _excused(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if verdicts:
        yield f"\n    do not count ({len(verdicts)})"
    for verdict in verdicts[:MOST]:
        yield f"      {verdict.level:<8} {_line(verdict)}"
        yield f"               {_excuse(verdict)}"
    if len(verdicts) > MOST:
        yield f"      ... and {len(verdicts) - MOST} more; --format json lists all"


def _line(verdict: Verdict) -> str:
    one = verdict.vulnerability
    package = one.component.package
    to = f" -> {one.fixed}" if one.fixed else ""
    notes = [verdict.raised] if verdict.raised else []
    notes += ["nobody rated it"] if not one.rated else []
    notes += [f"EPSS {one.probability:.0%}"] if one.probability else []
    if one.statement is not None and not one.statement.excuses:
        notes.append(f"VEX {one.statement.status} in {one.statement}")
    also = f"  ({'; '.join(notes)})" if notes else ""
    return plain(f"{one.id}  {package.title} {package.version}{to}{also}")


def _excuse(verdict: Verdict) -> str:
    excuse = verdict.excuse
    if excuse is None:
        return ""
    said = [excuse.reason, f"by {excuse.by}"]
    said += [f"until {excuse.until}"] if excuse.until else []
    said += [f"in {excuse.vex}"] if excuse.vex else []
    return plain(", ".join(said))


def _unmatched(image: Image) -> Iterator[str]:
    unmatched = image.scanned.unmatched
    if not unmatched:
        return
    count = len({each.component.ref for each in unmatched})
    yield f"    nobody can say anything of {count} components:"
    reasons = Counter(each.reason for each in unmatched)
    for reason, number in reasons.most_common(MOST):
        yield plain(f"      {number} x {reason}")
    if len(reasons) > MOST:
        yield f"      ... and {len(reasons) - MOST} more reasons; --format json lists all"


def _left(image: Image) -> Iterator[str]:
    left = image.scanned.left
    if not left:
        return
    yield f"    left to what the distribution says of its own packages ({len(left)}):"
    for each in left[:MOST]:
        package, owner = each.vulnerability.component.package, each.owner.package
        yield plain(
            f"      {each.vulnerability.id}  {package.name} {package.version}, in "
            f"{owner.name} {owner.version}"
        )
    if len(left) > MOST:
        yield f"      ... and {len(left) - MOST} more; --format json lists all"


def _vex(applied: Applied) -> str:
    document = applied.document
    said = f"VEX {document.place} ({document.format}"
    said += f", by {document.author})" if document.author else ")"
    matched = ", ".join(map(str, applied.matched[:MOST]))
    more = ", ..." if len(applied.matched) > MOST else ""
    which = f": {matched}{more}" if matched else ""
    count = len(applied.matched)
    return plain(f"{said}: {count} of {len(document.statements)} statements matched{which}")


def _counts(result: Result) -> str:
    return _counted(v for image in result.images for v in image.verdicts)


def _counted(verdicts: Iterator[Verdict]) -> str:
    listed = list(verdicts)
    found = Counter(v.level for v in listed if v.excuse is None)
    parts = [f"{found[level]} {level}" for level in reversed(LEVELS) if found[level]]
    excused = sum(v.excuse is not None for v in listed)
    parts += [f"{excused} that do not count"] if excused else []
    return ", ".join(parts) or "no known vulnerability"


def _changes(changes: Changes) -> Iterator[str]:
    yield plain(f"new since {changes.against}: {len(changes.new)}; gone: {len(changes.gone)}")
    for mark, entries in (("+", changes.new), ("-", changes.gone)):
        for entry in entries[: 5 * MOST]:
            yield plain(f"  {mark} {entry.id}  {entry.purl}  in {entry.target}")
        if len(entries) > 5 * MOST:
            yield f"  {mark} ... and {len(entries) - 5 * MOST} more; --format json lists all"
    if changes.lost:
        yield plain(f"  not scanned now: {', '.join(changes.lost[:MOST])}")


def _total(results: Sequence[Result]) -> str:
    failed = sum(not result.report.passed for result in results)
    found = _counted(v for r in results for i in r.images for v in i.verdicts)
    return f"{len(results)} targets, {failed} failed: {found}"


def _painted(text: str, code: str, *, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
