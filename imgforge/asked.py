"""What the command line asks of one build: whether it fits together, and fits the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import freshness
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.engines.protocol import BuildSecret
    from imgforge.plan import BuildPlan
    from imgforge.signing.choice import SignWith
    from imgforge.stack import LoadedStack


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks of one build; ``epoch`` is seconds, ``push`` references."""

    engine: str = "auto"
    tags: tuple[str, ...] = ()
    epoch: int | None = None
    no_cache: bool = False
    sign: SignWith | None = None
    attest: tuple[tuple[str, Path], ...] = ()
    """Further predicates to sign: the type's URI, and the file."""
    secrets: Mapping[str, BuildSecret] = field(default_factory=dict)
    policy: Path | None = None
    output: Path | None = None
    push: tuple[str, ...] = ()
    load: bool = False
    offline: bool = False
    platforms: tuple[str, ...] = ()
    """Of the spec's, those to build; all if there are none here."""
    stack: LoadedStack | None = None
    """Stands in for the stack that the spec names, while it is tried."""


def check(options: Options) -> None:
    """InvalidInputError if one wish excludes another, or a target is malformed."""
    signs = options.sign is not None and options.sign.anything
    if options.push and not signs:
        raise InvalidInputError(
            "--push needs --key or --keyless: nothing unsigned gets a tag in a registry",
            hint="make a key with: imgforge key generate, or in a CI give --keyless",
        )
    if options.attest and not signs:
        raise InvalidInputError("--attest needs --key or --keyless: what is attested is signed")
    if options.push and options.offline:
        raise InvalidInputError("--push cannot be done --offline")
    if options.push and options.platforms:
        raise InvalidInputError(
            "--platform is for builds that stay here; what is pushed has all the spec's platforms",
            hint="leave --platform out, or change image.platforms in the spec",
        )
    if options.push:
        from imgforge import publish

        publish.targets(options.push, options.tags)


def choices(options: Options) -> freshness.Choices:
    """Return what decides beside the project's files how a build comes out."""
    token = None
    attested: list[tuple[str, bytes]] = []
    if options.sign is not None and options.sign.anything:
        from imgforge.signing import choice, predicate

        choice.check(options.sign, offline=options.offline)
        token = choice.available(options.sign)
        attested = [(kind, predicate.read(kind, file)) for kind, file in options.attest]
    return freshness.Choices(
        options.engine,
        options.tags,
        options.epoch,
        options.policy,
        options.sign,
        options.secrets.keys(),
        options.platforms,
        token,
        attested,
    )


def chosen(plan: BuildPlan, options: Options) -> BuildPlan:
    """Return ``plan`` with the tags and platforms that the command line chose."""
    unknown = [p for p in options.platforms if p not in plan.platforms]
    if unknown:
        raise InvalidInputError(
            f"the spec does not name the platform {', '.join(unknown)}",
            hint=f"image.platforms has {', '.join(plan.platforms)}; imgforge lock pins what it has",
        )
    platforms = tuple(p for p in plan.platforms if p in options.platforms) or plan.platforms
    return replace(plan, tags=options.tags or plan.tags, platforms=platforms)


def check_secrets(plan: BuildPlan, given: Mapping[str, BuildSecret]) -> None:
    """InvalidInputError unless just the secrets that ``plan`` declares were given."""
    wanted = {name for stage in plan.stages for name in stage.secrets}
    details = [
        *(
            f"{name}: declared in build.secrets, not given"
            for name in sorted(wanted - given.keys())
        ),
        *(
            f"{name}: given, not declared in build.secrets"
            for name in sorted(given.keys() - wanted)
        ),
    ]
    if details:
        raise InvalidInputError(
            "the build's secrets don't fit the spec",
            details=details,
            hint="give each as --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE",
        )
