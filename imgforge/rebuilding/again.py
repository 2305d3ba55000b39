"""Building once more what a provenance tells of, in the same way, apart from everything else."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import __version__, making
from imgforge.asked import Options, check_secrets
from imgforge.errors import InvalidInputError
from imgforge.oci.layer import ENCODER
from imgforge.oci.types import sha256
from imgforge.output import Output
from imgforge.provenance.shared import BASE_BUILD_TYPE, BUILD_TYPE
from imgforge.provenance.told import Told
from imgforge.rebuilding import origin

if TYPE_CHECKING:
    from imgforge.compiled import Compiled
    from imgforge.console import Console
    from imgforge.engines.protocol import BuildSecret, Built
    from imgforge.oci.types import Platform
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy


@dataclass(frozen=True, slots=True)
class Request:
    """How to make it again; ``platforms`` are those of the recorded ones that are to be made.

    ``engine`` is another than the one that built it, or empty. With ``cached`` what engines keep of
    earlier builds may be used: quicker, and it proves less.
    """

    place: origin.Place
    policy: Policy
    platforms: Sequence[Platform] = ()
    secrets: Mapping[str, BuildSecret] = field(default_factory=dict)
    offline: bool = False
    engine: str = ""
    cached: bool = False


@contextmanager
def built(told: Told, asked: Request, console: Console) -> Iterator[Built]:
    """Build what ``told`` speaks of; the image is there for as long as the block lasts.

    InvalidInputError if it is not of imgforge, its files are not to be had, or this imgforge would
    build them otherwise; further errors as of a build.
    """
    if told.build_type != BUILD_TYPE:
        of_base = told.build_type == BASE_BUILD_TYPE
        raise InvalidInputError(
            f"builds of the type {told.build_type[:200]!a} are not made again here",
            hint="a lock that pins the base makes it again: imgforge base build NAME --lock FILE"
            if of_base
            else "imgforge rebuild is for images that imgforge build made",
        )
    with ExitStack() as stack:
        with console.step("find the source") as say:
            source = stack.enter_context(origin.found(told, asked.place, say))
        plan = planned(told, source)
        plan = _narrowed(plan, asked.platforms)
        check_secrets(plan, asked.secrets)
        options = Options(
            engine=asked.engine or told.detail("engine"),
            no_cache=not asked.cached,
            secrets=asked.secrets,
            offline=asked.offline,
        )
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="imgforge-rebuild-"))
        output, policy = Output(Path(scratch)), asked.policy.about(plan.name)
        made, *_ = making.run_engine(source, plan, policy, output, options, console)
        yield made


def planned(told: Told, source: Compiled) -> BuildPlan:
    """Return the very plan that was built; InvalidInputError if this imgforge makes another."""
    tags, platforms = told.texts("tags"), told.texts("platforms")
    plan = dataclasses.replace(source.plan, tags=tags, platforms=platforms)
    recorded = {
        "stack": (told.parameter("stack", "digest", "sha256"), plan.stack_digest),
        "plan": (told.detail("plan", "sha256"), plan.digest),
        "dockerfile": (told.detail("dockerfile", "sha256"), sha256(source.dockerfile.encode())),
    }
    differing = [
        f"{name}: {here} here, the provenance says {said or 'nothing of it'}"
        for name, (said, here) in recorded.items()
        if f"sha256:{said}" != here
    ]
    encoder = told.detail("encoder")
    if encoder != ENCODER:
        said = encoder or "nothing of it"
        differing.append(f"encoder: {ENCODER} here, the provenance says {said[:100]!a}")
    if told.detail("engine") not in {"native", "buildkit", "buildah"}:
        differing.append(f"engine: {told.detail('engine')[:100]!a} is none of this imgforge's")
    if differing:
        version = told.versions.get("imgforge", "")
        raise InvalidInputError(
            "this imgforge would build the same files otherwise",
            details=differing,
            hint=f"it was built with imgforge {version[:100] or 'of a version that is not said'}; "
            f"this is {__version__}",
        )
    return plan


def _narrowed(plan: BuildPlan, platforms: Sequence[Platform]) -> BuildPlan:
    if not platforms:
        return plan
    wanted = tuple(map(str, platforms))
    unknown = [name for name in wanted if name not in plan.platforms]
    if unknown:
        raise InvalidInputError(
            f"the image was not built for {', '.join(unknown)}",
            hint=f"it was for {', '.join(plan.platforms)}",
        )
    return dataclasses.replace(plan, platforms=tuple(p for p in plan.platforms if p in wanted))
