"""Looking for programs in the final file system, by name and by what they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from imgforge.analysis.facts import DIRECTORY, SYMLINK, FileFact, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule

_ANY = 0o111


def programs(
    image: ImageFacts, names: Collection[str], identities: Collection[str]
) -> Iterator[tuple[FileFact, str]]:
    """Yield executables and what each is: its name, or its identity if the name says nothing.

    ``names`` are looked for in any ``bin``, ``sbin`` or ``libexec`` directory, ``identities``
    (:meth:`~imgforge.analysis.facts.ImageFacts.program`) anywhere.
    """
    seen = set()
    for name in image.commands.keys() & names:
        for path in image.commands[name]:
            fact = image.files[path]
            target = image.lookup(path) if fact.kind == SYMLINK else fact
            if target is not None and target.kind != DIRECTORY and target.mode & _ANY:
                seen.add(path)
                yield fact, name
    for fact, identity in image.identified:
        if identity in identities and fact.path not in seen:
            yield fact, identity


def found(
    image: ImageFacts,
    rule: Rule,
    what: str,
    names: Collection[str],
    identities: Collection[str],
    *,
    severity: Severity | None = None,
) -> Iterator[Finding]:
    """Yield a finding for each such program; ``what`` says of what kind it is, with article."""
    for fact, name in programs(image, names, identities):
        called = fact.path.rpartition("/")[2] == name
        message = f"/{fact.path} is {what}" + ("" if called else f" ({name}, by its content)")
        layer = image.layers[fact.layer].digest
        yield rule.finding(message, path=fact.path, layer=layer, severity=severity)
