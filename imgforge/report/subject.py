"""What a report is about: one image or Dockerfile, what was found in it, and the verdict."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from imgforge import checks
from imgforge.analysis.facts import ImageFacts
from imgforge.checks import CHECKS, Check, profiles, unused_ignore
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.profiles import Outcome, Profile
from imgforge.policy.bounds import Policy
from imgforge.policy.vulnerabilities import CHECK as VULNERABILITIES

_SHORT: Final = len("sha256:") + 12
UNREADABLE: Final = "IF100"
"""The rule that a Dockerfile can be read; where it finds something, no other rule was asked."""


@dataclass(frozen=True, slots=True)
class Image:
    """One platform's image. ``layers`` are digests, the base's first.

    ``hidden`` are those of ``findings`` whose file is shipped in a layer, but is not in the final
    file system.
    """

    platform: str
    digest: str
    layers: tuple[str, ...]
    findings: tuple[Finding, ...]
    hidden: frozenset[Finding] = frozenset()


@dataclass(frozen=True, slots=True)
class Site:
    """Where one platform's image has a finding.

    ``layer`` counts from 1 and is one of ``layers``; 0 is no layer (the configuration).
    ``final`` says whether the finding's file is in the final file system.
    """

    platform: str
    layer: int
    layers: int
    digest: str
    final: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding and every place that has it: one platform's differs from another's by layer only.

    ``sites`` is empty for a finding of a Dockerfile or about the policy.
    """

    finding: Finding
    sites: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What was judged and how it came out; make it with :func:`of`.

    ``subject`` is what the user called it, ``digest`` its manifest's or index's (empty for a
    Dockerfile). ``images`` are its platforms, ``dockerfile`` the findings of a Dockerfile,
    ``general`` those about the policy itself.
    ``fail_on`` is the gate's level, ``vulnerable_on`` that of known vulnerabilities where it is
    another one (else empty), ``policy`` the digest of the policy that was applied (empty:
    the default). ``passed`` is whether every gate held; with a ``profile``, that none of its
    practices failed as well.
    """

    subject: str
    digest: str = ""
    images: tuple[Image, ...] = ()
    dockerfile: tuple[Finding, ...] = ()
    general: tuple[Finding, ...] = ()
    fail_on: str = "high"
    policy: str = ""
    passed: bool = True
    profile: Profile | None = None
    outcomes: tuple[Outcome, ...] = ()
    vulnerable_on: str = ""

    def limit(self, check: str) -> Severity:
        """Return the least severity at which a finding of ``check`` fails."""
        own = self.vulnerable_on if check == VULNERABILITIES else ""
        return Severity.parse(own or self.fail_on)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, worst first; those that platforms share once."""
        return _merged(self.images, (*self.dockerfile, *self.general))

    def faults(self) -> tuple[Fault, ...]:
        """Return the findings worst first, then by check and path, platforms folded."""
        found: dict[Finding, list[tuple[Finding, Site | None]]] = {}
        for finding in (*self.dockerfile, *self.general):
            found.setdefault(finding, []).append((finding, None))
        for image in self.images:
            for finding in image.findings:
                bare = dataclasses.replace(finding, layer="")
                found.setdefault(bare, []).append((finding, _site(image, finding)))
        faults = (
            Fault(rows[0][0], tuple(site for _, site in rows if site is not None))
            for rows in found.values()
        )
        return tuple(sorted(faults, key=_order))


def of(
    subject: str,
    policy: Policy,
    *,
    images: Sequence[tuple[ImageFacts, Sequence[Finding]]] = (),
    dockerfile: Sequence[Finding] | None = None,
    asked: Sequence[Check] = CHECKS,
    digest: str = "",
    policy_digest: str = "",
    profile: Profile | None = None,
) -> Report:
    """Return the report on ``subject``: every platform's facts with what was found in them.

    ``dockerfile`` is None if no Dockerfile was judged, which is not the same as nothing found.
    Findings of images come from :func:`imgforge.checks.run` with the checks ``asked``, those of a
    Dockerfile from its rules by way of :func:`imgforge.checks.judged`. Exceptions of the policy
    that nothing found needs are reported too. Use it so::

        images = [(facts, checks.run(facts, policy)) for facts in ...]
        report = subject.of(name, policy, images=images, profile=profiles.PROFILES["cis"])
        print(FORMATS[format](report), end="")
        if not report.passed: raise GateError
    """
    judged = _told_apart([_image(facts, findings) for facts, findings in images])
    ran = {check.RULE.id for check in asked} if judged else set()
    if dockerfile is not None and not any(f.check == UNREADABLE for f in dockerfile):
        from imgforge.checks.dockerfile import RULES

        ran |= {rule.id for rule in RULES}
    found = _merged(judged, dockerfile or ())
    unused = unused_ignore.unused(found, policy, ran)
    general = tuple(checks.judged(finding, policy) for finding in unused)
    found = _merged(judged, (*(dockerfile or ()), *general))
    outcomes = profiles.judge(profile, found, ran, policy) if profile is not None else ()
    return Report(
        subject,
        digest,
        judged,
        tuple(dockerfile or ()),
        general,
        fail_on=policy.fail_on,
        policy=policy_digest,
        passed=checks.gate_holds(found, policy)
        and all(o.verdict != profiles.FAIL for o in outcomes),
        profile=profile,
        outcomes=outcomes,
        vulnerable_on=policy.vulnerabilities.fail_on or "",
    )


def _merged(images: Sequence[Image], others: Sequence[Finding]) -> tuple[Finding, ...]:
    found = dict.fromkeys([*others, *(f for image in images for f in image.findings)])
    return tuple(sorted(found, key=lambda finding: -finding.severity))


def _order(fault: Fault) -> tuple[int, str, str, int, str, str]:
    finding = fault.finding
    # Line 2 comes before line 10.
    message = re.sub(r"[0-9]+", lambda number: number[0].zfill(8), finding.message)
    place = (finding.path, finding.line, message, finding.key)
    return (-finding.severity, finding.check, *place)


def _image(facts: ImageFacts, findings: Sequence[Finding]) -> Image:
    layers = tuple(layer.digest for layer in facts.layers)
    hidden = (
        finding
        for finding in findings
        if finding.path
        and finding.layer
        and not any(
            facts.is_visible(index, finding.path) for index in _places(layers, finding.layer)
        )
    )
    return Image(str(facts.platform), facts.digest, layers, tuple(findings), frozenset(hidden))


def _told_apart(images: Sequence[Image]) -> tuple[Image, ...]:
    """Add the digest to platforms of which an archive or layout has several images."""
    seen = [image.platform for image in images]
    return tuple(
        dataclasses.replace(image, platform=f"{image.platform}@{image.digest[:_SHORT]}")
        if seen.count(image.platform) > 1
        else image
        for image in images
    )


def _places(layers: Sequence[str], digest: str) -> Iterator[int]:
    # The same layer may be applied twice, and what it holds may be seen from either.
    return (index for index, layer in enumerate(layers) if layer == digest)


def _site(image: Image, finding: Finding) -> Site:
    number = next((i + 1 for i in _places(image.layers, finding.layer)), 0)
    final = finding not in image.hidden
    return Site(image.platform, number, len(image.layers), finding.layer, final)
