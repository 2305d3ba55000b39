"""Verifying what a person names: a project, a layout, an archive, or an image in a registry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from imgforge import sole, verify
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import Platform
from imgforge.verify.demand import UnattestedError

if TYPE_CHECKING:
    from imgforge.policy.bounds import Policy
    from imgforge.sources.name import Name
    from imgforge.verify.demand import Demand
    from imgforge.verify.flags import Flags
    from imgforge.verify.proven import Verified

Say = Callable[[str], None]

_ONE = "name one of several: oci:PATH:TAG, or oci-archive:PATH:TAG"
_USUAL: Final = (
    "--key alone demands all that a build attests (both SBOMs, provenance, findings); "
    "--require names what else is enough, --require signature the signature alone"
)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked of each image: what the policy demands, what the flags add, and how.

    ``goals`` are repositories that the image goes to: what the policy says of them holds, too.
    """

    policy: Policy
    flags: Flags
    platforms: Collection[Platform] | None = None
    offline: bool = False
    goals: Collection[str] = ()

    def demands(self, title: str) -> tuple[Demand, ...]:
        """Return all that is demanded of an image that is called so; errors as the policy's."""
        own = self.policy.demands(title)
        further = (demand for goal in self.goals for demand in self.policy.matching(goal))
        return self.flags.on((*own, *(demand for demand in further if demand not in own)))


def inquire(what: str, asked: Inquiry, say: Say) -> Verified:
    """Return what was proven of the image that ``what`` names; EvidenceError if not what is asked.

    InvalidInputError if it names no image whose evidence could be had; further errors as of
    :func:`imgforge.verify.verify_layout` and :func:`imgforge.verify.verify_registry`.
    """
    from imgforge import sources
    from imgforge.sources import name as names

    name = sources.parse(what)
    if name.kind in {names.DAEMON, names.DOCKER_ARCHIVE, names.DOCKERFILE}:
        raise InvalidInputError(
            f"{what} has no place for evidence",
            hint="verify the image where it was published, or an OCI layout or archive of it",
        )
    held = asked.policy.demands(sources.title(name))
    demands = asked.demands(sources.title(name))
    try:
        return _proven(name, demands, asked, say)
    except EvidenceError as error:
        hint = error.hint or (None if held else _hint(error, asked.flags))
        raise type(error)(error.message, details=error.details, hint=hint) from error


def _hint(error: EvidenceError, flags: Flags) -> str | None:
    """Return what whoever demands by flags alone may have left out."""
    if isinstance(error, UnattestedError) and flags.usual:
        return _USUAL
    if flags.identity and flags.trusted_root is None:
        from imgforge import settings

        config = settings.load().sigstore.trust_config
        if config is not None:
            return (
                "the public Sigstore counted, but the settings sign with another one: "
                f"jq .trustedRoot {config} > trusted_root.json, and --trusted-root names that"
            )
    return None


def _proven(name: Name, demands: Sequence[Demand], asked: Inquiry, say: Say) -> Verified:
    from imgforge import sources
    from imgforge.sources import name as names

    if name.kind == names.REGISTRY:
        if asked.offline:
            raise InvalidInputError(
                f"{name.place} is in a registry, and this run is offline",
                hint="bring it with its evidence into a layout first: oras copy -r --to-oci-layout",
            )
        return verify.verify_registry(name.place, *demands, platforms=asked.platforms, say=say)
    with sources.open_source(name, say=say, offline=True) as source:
        return verify.verify_layout(
            source.blobs,
            sole.image(source.blobs, source.tops, _ONE),
            *demands,
            platforms=asked.platforms,
            deep=True,
            offline=asked.offline,
        )
