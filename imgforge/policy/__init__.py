"""What an organisation allows: the gate's threshold, exceptions, budgets, and trusted bases.

A policy bounds what specs may ask for; it is read strictly, and nothing downstream can loosen it.
The organisation's own, which settings pin (:mod:`.organisation`), bounds every other one
(:mod:`.downstream`); :func:`effective` is what all commands judge by.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from imgforge.files import pinning
from imgforge.policy.bounds import (
    FIRM,
    FLAGS,
    Bases,
    Budget,
    Delegate,
    Ignore,
    Policy,
)
from imgforge.policy.tools import asked_for
from imgforge.policy.trusted import Trust

__all__ = [
    "FIRM",
    "FLAGS",
    "Bases",
    "Budget",
    "Delegate",
    "Ignore",
    "Policy",
    "Trust",
    "asked_for",
    "effective",
    "files",
    "layers",
    "load",
]


def load(path: Path | None) -> Policy:
    """Read one ``policy.toml``, whatever bounds it; the default policy when ``path`` is None.

    Raises InvalidInputError that lists every unknown key and wrong value at once.
    """
    if path is None:
        return Policy()
    from imgforge import tomlfile
    from imgforge.policy import file

    return file.parse(tomlfile.read_bytes(path), path)


def effective(path: Path | None, environ: Mapping[str, str] | None = None) -> Policy:
    """Return the policy that holds: the organisation's, tightened by the file ``path`` if any.

    Nothing is judged by a policy in doubt: EvidenceError if the organisation's is not the one that
    the settings pin, InvalidInputError if a file is malformed, cannot be read, or asks for more
    than the policies above it allow (every such wish is listed).
    """
    found = layers(path, environ)
    if not found:
        return Policy()
    from imgforge.policy import downstream

    return downstream.combined(found)


def layers(path: Path | None, environ: Mapping[str, str] | None = None) -> list[tuple[str, Policy]]:
    """Return each policy that counts with the name of its file, the outermost first.

    Each takes from those above it what it says nothing of. Raises what :func:`effective` does.
    """
    environ = os.environ if environ is None else environ
    if path is None and not pinning(environ):
        return []
    from imgforge.policy import file, organisation

    pins = organisation.pinned(environ)

    found: list[tuple[str, Policy]] = []
    for pinned in pins:
        data = organisation.verified(pinned)
        policy = file.parse(data, pinned.file, above=_innermost(found), shared=True)
        organisation.check_named(policy, pinned.file)
        found.append((str(pinned.file), policy))
    if path is not None:
        from imgforge import tomlfile

        data = tomlfile.read_bytes(path)
        found.append((str(path), file.parse(data, path, above=_innermost(found))))
    return found


def files(path: Path | None, environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Return every file whose bytes decide :func:`effective`, and what it demands of bases.

    Nothing is verified on the way, and files that are missing or malformed name no others.
    """
    environ = os.environ if environ is None else environ
    if path is None and not pinning(environ):
        return ()
    from imgforge.policy import organisation

    pins = organisation.pinned(environ)
    found = [file for pin in pins for file in (pin.settings, *pin.files)]
    policies = [pin.file for pin in pins] + ([path] if path is not None else [])
    named = [file for each in policies for file in organisation.named_in(each)]
    return tuple(dict.fromkeys([*found, *policies, *named]))


def _innermost(found: list[tuple[str, Policy]]) -> Policy:
    return found[-1][1] if found else Policy()
