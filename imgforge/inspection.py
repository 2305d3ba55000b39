"""The story of a check: open what was named, read it, judge it, say what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge import cache, inventory, sources
from imgforge.analysis import analyse
from imgforge.checks import CHECKS, Check, Finding, Severity, judged, licences, run
from imgforge.checks import vulnerabilities as known
from imgforge.checks.bound import Bound
from imgforge.console import Meter, Say
from imgforge.errors import InvalidInputError
from imgforge.oci.types import canonical_json, sha256
from imgforge.policy import Policy, asked_for
from imgforge.report import subject
from imgforge.severity import Level
from imgforge.sources.name import DOCKERFILE
from imgforge.vulnerabilities import scan
from imgforge.vulnerabilities.vex.applied import Subject

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.checks.drift import Drift
    from imgforge.checks.drift.expected import Expectation
    from imgforge.checks.profiles import Profile
    from imgforge.inventory import Inventory
    from imgforge.oci.types import Platform
    from imgforge.report.subject import Report
    from imgforge.sources.name import Name
    from imgforge.vulnerabilities.vex.said import Document

HERE: Final = "."
"""The folder in which the user is: a report calls what lies there by the image's own name."""


@dataclass(frozen=True, slots=True)
class Request:
    """How to judge: the same for all that is named in one call.

    ``platforms`` narrows what is judged of an index, ``spec`` is what images are compared with:
    of the programs that the policy allows, they may have what it asks for.
    With ``anew`` no layer's facts are taken from the cache.
    """

    policy: Policy
    policy_digest: str = ""
    platforms: tuple[Platform, ...] = ()
    profile: Profile | None = None
    spec: Path | None = None
    offline: bool = False
    anew: bool = False
    database: Path | None = None
    vex: tuple[Path, ...] = ()
    bounded: bool = False
    """Whether a policy's file bounds what flags may accept."""


def inspect(what: str, asked: Request, say: Say) -> Report:
    """Judge what the words ``what`` name: every image of it that was asked for.

    Raises what :func:`imgforge.sources.open_source`, :meth:`imgforge.sources.Source.images` and
    :func:`imgforge.expectation.load` raise; ImgforgeError if a check fails.
    """
    name = sources.parse(what)
    what = sources.title(name) if what == HERE else what
    policy = asked.policy.about(sources.title(name))
    if name.kind == DOCKERFILE:
        if asked.spec is not None:
            raise InvalidInputError(
                f"{what} is a Dockerfile, and only images are compared with a spec",
                hint="check it in a call of its own, without --spec",
            )
        return subject.of(
            what,
            policy,
            dockerfile=_dockerfile(name.path, policy, say),
            policy_digest=asked.policy_digest,
            profile=asked.profile,
        )
    facts_cache = cache.directory("analysis")
    expected = _expected(asked, facts_cache, say)
    if expected:
        tools = {tool for each in expected.values() for tool in each.tools}
        policy = asked_for(policy, tools)
    with (
        scan.opened(
            policy, database=asked.database, files=asked.vex, bounded=asked.bounded
        ) as scanner,
        sources.open_source(name, say=say, offline=asked.offline) as source,
    ):
        if scanner is None:
            say(scan.NONE)
        proven = _proven(name, policy, say, offline=asked.offline)
        images, ran, meter = [], CHECKS, Meter(say, "reading layers")
        for image in source.images(asked.platforms, say):
            facts = analyse(
                source.blobs,
                image,
                cache=facts_cache,
                anew=asked.anew,
                whole=True,
                progress=meter.add,
            )
            listed, ran = _checks(facts, asked, expected, policy, say)
            if scanner is not None:
                about = Subject(sources.title(name), (source.digest(), facts.digest))
                scanned = scanner.scan(listed, about, attested=proven)
                ran = (*ran, *known.bound(scanned))
            images.append((facts, run(facts, policy, ran)))
        return subject.of(
            what,
            policy,
            images=images,
            asked=ran,
            digest=source.digest(),
            policy_digest=asked.policy_digest,
            profile=asked.profile,
        )


def _proven(name: Name, policy: Policy, say: Say, *, offline: bool) -> tuple[Document, ...]:
    if not policy.vulnerabilities.trusts_attested:
        return ()
    from imgforge.vulnerabilities import contents

    return contents.attested(name, policy, say, offline=offline)


def _dockerfile(path: Path, policy: Policy, say: Say) -> list[Finding]:
    """Judge a Dockerfile in the folder where it lies; with hadolint's findings if there is one."""
    from imgforge.checks import dockerfile
    from imgforge.dockerfile import context, hadolint
    from imgforge.dockerfile.lines import LARGEST

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    found = dockerfile.judge(data, str(path), policy, context.look(path.parent, path))
    if hadolint.installed():
        found = hadolint.merged(found, hadolint.run(path), dockerfile.RULES, data)
    else:
        say("hadolint is not installed: what it says of style is left out")
    return [judged(finding, policy) for finding in found]


def tightened(policy: Policy, level: Level | None) -> Policy:
    """Return ``policy`` failing at ``level``; InvalidInputError if that would let more pass."""
    if level is None:
        return policy
    if Severity.parse(level) > Severity.parse(policy.fail_on):
        raise InvalidInputError(
            f"--fail-on {level} lets pass what the policy's {policy.fail_on} does not",
            hint="a flag can only tighten; the policy's own fail-on decides",
        )
    return replace(policy, fail_on=level)


def digest_of(files: Sequence[Path]) -> str:
    """Return the digest of the files that make a policy: one file's own, of several of all.

    Empty if there is none; InvalidInputError if one cannot be read.
    """
    try:
        digests = [sha256(file.read_bytes()) for file in files]
    except OSError as error:
        raise InvalidInputError(f"{error.filename} cannot be read: {error.strerror}") from error
    return digests[0] if len(digests) == 1 else sha256(canonical_json(digests)) if digests else ""


def _expected(asked: Request, facts_cache: Path, say: Say) -> Mapping[Platform, Expectation]:
    if asked.spec is None:
        return {}
    from imgforge import expectation

    return expectation.load(
        asked.spec, asked.policy, offline=asked.offline, cache=facts_cache, say=say
    )


def _checks(
    facts: ImageFacts,
    asked: Request,
    expected: Mapping[Platform, Expectation],
    policy: Policy,
    say: Say,
) -> tuple[Inventory, tuple[Check, ...]]:
    if asked.spec is None:
        found = inventory.of(facts)
        say(f"{len(found.components)} packages")
        return found, (*CHECKS, *licences.bound(found, policy))
    from imgforge.checks import drift
    from imgforge.checks.inventory import bound
    from imgforge.engines.assembly import same

    wanted = next((e for p, e in expected.items() if same(facts.platform, p)), None)
    if wanted is None:
        raise InvalidInputError(
            f"{asked.spec} says nothing of an image for {facts.platform}",
            hint=f"its platforms are {', '.join(map(str, expected))}; narrow with --platform",
        )
    declared = None
    if wanted.declares is not None:
        declared = wanted.declares({package.ecosystem for package in facts.packages})
    found = inventory.of(facts, declared)
    say(f"{len(found.components)} packages")

    def drifting(module: Drift) -> Check:
        return Bound(module.RULE, lambda image, _: module.check(image, wanted))

    judging = (*bound(found, declared, drift=True), *licences.bound(found, policy))
    return found, (*CHECKS, *map(drifting, drift.CHECKS), *judging)
