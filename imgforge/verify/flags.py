"""A demand as the command line makes it: alone, or beside a policy's, to which it only adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge.errors import InvalidInputError
from imgforge.signing.proof import Witnesses
from imgforge.signing.statement import TYPES
from imgforge.verify.demand import OURS, Attested, Demand, SignedBy

if TYPE_CHECKING:
    from imgforge.severity import Level

SIGNATURE: Final = "signature"
"""What is always demanded; named alone, it says that nothing else is."""

_HINT: Final = """say who must have signed, by one of
      --key imgforge.pub
      --identity 'https://github.com/acme/web/*' \\
          --issuer https://token.actions.githubusercontent.com
      --policy policy.toml    (its [[images]] say what is demanded)"""
_GITHUB: Final = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Flags:
    """What was given: a signatory, types of attestations by name or URI, conditions on them.

    ``log`` and ``timestamp`` are None if nothing was said of them.
    """

    key: Path | None = None
    identity: str = ""
    issuer: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    trusted_root: Path | None = None
    log: bool | None = None
    timestamp: bool | None = None
    require: Sequence[str] = ()
    builder: str = ""
    source: str = ""
    locked: Path | None = None
    true: bool = False
    below: Level | None = None
    max_age: int | None = None

    def on(self, demands: Sequence[Demand]) -> tuple[Demand, ...]:
        """Return what is demanded in all: ``demands``, which a policy makes, and these.

        A signatory of the flags must have signed beside the policy's. InvalidInputError if the
        flags don't go together, or nothing at all is demanded.
        """
        by = self._signatory()
        attested = self._attested(alone=not demands)
        if by is not None:
            return (*demands, Demand((by,), attested))
        if not demands:
            raise InvalidInputError("nothing says who must have signed the image", hint=_HINT)
        return tuple(replace(each, attested=each.attested + attested) for each in demands)

    @property
    def demanding(self) -> bool:
        """Whether anything was given at all."""
        return replace(self, require=tuple(self.require)) != Flags()

    @property
    def usual(self) -> bool:
        """Whether all that a build attests is demanded only for want of a word about it."""
        return self.key is not None and not self.require

    def _signatory(self) -> SignedBy | None:
        from imgforge.policy import reading

        named = [("--identity", self.identity), ("--issuer", self.issuer)]
        given = [name for name, value in named if value]
        if self.key is None and not given:
            if self.claims or self.trusted_root or self.log is not None or self.timestamp:
                raise InvalidInputError(
                    "what a signature must have is said, and not whose it must be", hint=_HINT
                )
            return None
        if self.key is not None and (given or self.claims):
            about = ", ".join([*given, *(f"--{name}" for name in self.claims)])
            raise InvalidInputError(
                f"a key has no certificate: {about} cannot be demanded of it",
                hint="give either --key, or --identity and --issuer; a policy can name several",
            )
        if self.key is None and len(given) == 1:
            raise InvalidInputError(
                f"{given[0]} says nothing without the other of --identity and --issuer",
                hint=f"anybody can have any name of an issuer of his own; GitHub's is {_GITHUB}",
            )
        for name, value in named:
            if value and not reading.telling(value):
                raise InvalidInputError(f"{name} {value!a} {reading.NOBODY}")
        usual = SignedBy(key=self.key).witnesses
        return SignedBy(
            key=self.key,
            identity=self.identity,
            issuer=self.issuer,
            claims=dict(self.claims),
            trusted_root=self.trusted_root,
            witnesses=Witnesses(
                log=usual.log if self.log is None else self.log,
                timestamp=usual.timestamp if self.timestamp is None else self.timestamp,
            ),
        )

    def _attested(self, *, alone: bool) -> tuple[Attested, ...]:
        """Return the attestations that are required, or that a condition needs.

        Whoever names a key and no policy asks after a build of his own, which has them all.
        """
        names = list(dict.fromkeys(n for n in self.require if n != SIGNATURE))
        if not self.require and self.key is not None and alone:
            names = list(OURS)
        scans = self.below is not None or self.max_age is not None
        implied = (
            (bool(self.builder or self.source or self.locked), ("provenance",)),
            (scans, ("findings", "vuln")),
            (self.true, ("spdx", "cyclonedx")),
        )
        for asked, kinds in implied:
            if asked and not set(names) & {*kinds, *(TYPES[kind] for kind in kinds)}:
                names.append(kinds[0])
        return tuple(self._of(TYPES.get(name, name)) for name in names)

    def _of(self, kind: str) -> Attested:
        if kind == TYPES["provenance"]:
            return Attested(kind, builder=self.builder, source=self.source, locked=self.locked)
        if kind in {TYPES["findings"], TYPES["vuln"]}:
            return Attested(kind, below=self.below, max_age=self.max_age)
        return Attested(kind, true=self.true and kind in {TYPES["spdx"], TYPES["cyclonedx"]})
