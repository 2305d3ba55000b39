"""Profiles: what a benchmark asks of an image, practice by practice, and which rules decide it.

A profile is data. What no rule can decide is said to be undecidable, with what does decide it; a
practice is never called passed for want of a look. ``cis`` follows the CIS Docker Benchmark,
``restricted`` the Pod Security Standards of Kubernetes, ``twelve`` is our own list; the wording of
all of them is ours. To add one, write it here and name it in ``PROFILES``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from imgforge.checks.finding import Finding, Severity
from imgforge.policy.bounds import Policy

Verdict = Literal["pass", "accepted", "fail", "undecidable"]

PASS: Final = "pass"  # noqa: S105 - a verdict, not a password
ACCEPTED: Final = "accepted"
FAIL: Final = "fail"
UNDECIDABLE: Final = "undecidable"


@dataclass(frozen=True, slots=True)
class Practice:
    """One thing that a profile asks for.

    ``id`` is the profile's own number, ``title`` one line without a full stop. ``rules`` are the
    ids of the rules that decide it; none if it cannot be decided from an image. ``beyond`` is a
    sentence on what rules cannot see, and what decides that; empty if the rules decide it all.
    """

    id: str
    title: str
    rules: tuple[str, ...] = ()
    beyond: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A named list of practices. ``source`` says where the list comes from, with its version."""

    name: str
    title: str
    source: str
    practices: tuple[Practice, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one practice came out: ``fail`` for the first reason that holds in this order.

    ``fail``: a finding that nobody accepted. ``accepted``: findings, all excused by the policy, or
    what they would be is allowed by it (``allowed`` names the keys, such as ``allow-shell``).
    ``undecidable``: none of the practice's rules was asked. ``pass``: they were, and found
    nothing. Findings of severity info are notes and decide nothing. ``findings`` are those that
    decided, excused ones included. ``silent`` are rules that were not asked because they compare
    with a bound that the policy does not set.
    """

    practice: Practice
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    allowed: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


ALLOWANCES: Final[Mapping[str, tuple[str, ...]]] = {
    "allow-root": ("IF001", "IF003"),
    "allow-shell": ("IF030",),
    "allow-package-manager": ("IF031",),
    "allow-compiler": ("IF032",),
    "allow-downloader": ("IF033",),
    "allow-sudo": ("IF034",),
    "allow-ssh": ("IF035",),
}
"""Keys of a policy that keep rules silent, by the rules: silence is then no proof."""


BOUNDS: Final[Mapping[str, Callable[[Policy], bool]]] = {
    "IF060": lambda policy: bool(policy.bases.allow),
    "IF122": lambda policy: bool(policy.bases.allow),
    "IF061": lambda policy: (policy.budget.age, policy.budget.base_age) != (None, None),
}
"""Rules that find nothing unless the policy sets a bound, and whether it does."""


def judge(
    profile: Profile, findings: Sequence[Finding], ran: Collection[str], policy: Policy
) -> tuple[Outcome, ...]:
    """Return how each practice came out, in the profile's order.

    ``findings`` are those of all platforms, ``ran`` the ids of the rules that were asked. An image
    passes the profile if no outcome is ``fail``; ``imgforge check --profile`` ends with 10
    otherwise, whatever the policy's level.
    """
    return tuple(_outcome(practice, findings, ran, policy) for practice in profile.practices)


def serving(rule: str) -> tuple[tuple[Profile, Practice], ...]:
    """Return the practices that ``rule`` helps to decide."""
    return tuple(
        (profile, practice)
        for profile in PROFILES.values()
        for practice in profile.practices
        if rule in practice.rules
    )


def _outcome(
    practice: Practice, findings: Sequence[Finding], ran: Collection[str], policy: Policy
) -> Outcome:
    told = tuple(
        finding
        for finding in findings
        if finding.check in practice.rules and finding.severity > Severity.INFO
    )
    silent = tuple(
        rule
        for rule in practice.rules
        if rule in ran and rule in BOUNDS and not BOUNDS[rule](policy)
    )
    asked = [rule for rule in practice.rules if rule in ran and rule not in silent]
    allowed = tuple(
        key
        for key, rules in ALLOWANCES.items()
        if getattr(policy, key.replace("-", "_")) and not set(asked).isdisjoint(rules)
    )
    if any(not finding.ignored for finding in told):
        verdict: Verdict = FAIL
    elif told or allowed:
        verdict = ACCEPTED
    else:
        verdict = PASS if asked else UNDECIDABLE
    return Outcome(practice, verdict, told, allowed, silent)


CIS: Final = Profile(
    "cis",
    "CIS Docker Benchmark, container images and build files",
    "CIS Docker Benchmark 1.7.0, section 4",
    (
        Practice(
            "4.1",
            "The container has a user of its own, not root",
            ("IF001", "IF002", "IF101", "IF102"),
        ),
        Practice(
            "4.2",
            "The base image is one that is trusted",
            ("IF060", "IF122"),
            "A policy's bases.allow says which are; that they deserve it is shown by signatures,"
            " which imgforge lock demands.",
        ),
        Practice(
            "4.3",
            "Nothing is installed that the application does not need",
            ("IF030", "IF031", "IF032", "IF033", "IF034", "IF035", "IF144", "IF152"),
            "Which libraries the application needs, only its authors know; imgforge sbom lists"
            " what there is.",
        ),
        Practice(
            "4.4",
            "Images are scanned and rebuilt for security fixes",
            ("IF061", "IF062"),
            "imgforge outdated says which fixes wait.",
        ),
        Practice(
            "4.5",
            "Clients take signed images only",
            (),
            "That is a setting of each client; imgforge verify shows whether this image is signed.",
        ),
        Practice(
            "4.6",
            "A health check is configured",
            ("IF051", "IF170"),
            "Images that expose no port are not asked for one.",
        ),
        Practice(
            "4.7",
            "Package lists are not refreshed in a step of their own",
            ("IF057", "IF141"),
        ),
        Practice(
            "4.8",
            "No file has a setuid or setgid bit",
            ("IF010", "IF150"),
        ),
        Practice(
            "4.9",
            "Files are added with COPY, not with ADD",
            ("IF059", "IF130", "IF131", "IF132"),
        ),
        Practice(
            "4.10",
            "No credential is stored in build files or the image",
            ("IF020", "IF021", "IF022", "IF023", "IF110", "IF111", "IF112", "IF113"),
        ),
        Practice(
            "4.11",
            "Only packages whose origin was verified are installed",
            ("IF058", "IF133", "IF134", "IF135"),
            "Steps that left no history cannot be seen; imgforge lock verifies what it pins.",
        ),
        Practice(
            "4.12",
            "Signed artifacts are validated before use",
            (),
            "That happens where the image is used: run imgforge verify before deploying it.",
        ),
    ),
)

TWELVE: Final = Profile(
    "twelve",
    "The Twelve: practices for images that can be trusted",
    "docs/explanation/the-twelve.md",
    (
        Practice(
            "1",
            "Bases are minimal, trusted, pinned by digest and kept fresh",
            ("IF060", "IF061", "IF062", "IF120", "IF121", "IF122", "IF123", "IF124"),
            "A finished image does not say how its base was named; imgforge.lock does.",
        ),
        Practice(
            "2",
            "Several stages: what builds does not ship",
            ("IF032", "IF033", "IF144"),
        ),
        Practice(
            "3",
            "Layers are few, clean and ordered for the cache",
            ("IF063", "IF072", "IF143"),
            "The order shows in the Dockerfile only; imgforge render puts what rarely changes"
            " first.",
        ),
        Practice(
            "4",
            "There is neither shell nor package manager",
            ("IF030", "IF031"),
        ),
        Practice(
            "5",
            "No credentials in any layer, variable or step",
            ("IF020", "IF021", "IF022", "IF023", "IF110", "IF111", "IF112", "IF113"),
        ),
        Practice(
            "6",
            "Nothing that differs between environments is built in",
            (),
            "Values do not say whether they differ elsewhere: deploy the same digest everywhere.",
        ),
        Practice(
            "7",
            "Files come by COPY, packages and downloads are verified",
            (
                "IF057",
                "IF058",
                "IF059",
                "IF130",
                "IF131",
                "IF132",
                "IF133",
                "IF134",
                "IF135",
                "IF136",
                "IF140",
                "IF141",
                "IF142",
            ),
        ),
        Practice(
            "8",
            "It runs as a numeric user who is not root",
            ("IF001", "IF002", "IF003", "IF004", "IF005", "IF006", "IF101", "IF102"),
        ),
        Practice(
            "9",
            "No file gives rights away: setuid, capabilities, writable by others",
            ("IF010", "IF011", "IF012", "IF013", "IF014", "IF150", "IF151", "IF153"),
        ),
        Practice(
            "10",
            "Nothing is left over that the application does not need",
            ("IF034", "IF035", "IF070", "IF071", "IF103", "IF152", "IF180"),
        ),
        Practice(
            "11",
            "It starts as configured and says whether it is well",
            (
                "IF050",
                "IF051",
                "IF053",
                "IF054",
                "IF055",
                "IF056",
                "IF160",
                "IF161",
                "IF162",
                "IF163",
                "IF170",
                "IF171",
                "IF172",
            ),
        ),
        Practice(
            "12",
            "It is what it says: digests, records, signatures, bill of materials",
            ("IF040", "IF041", "IF042", "IF043", "IF044", "IF045", "IF052"),
            "imgforge verify shows whether image, bill of materials and provenance are signed.",
        ),
    ),
)

RESTRICTED: Final = Profile(
    "restricted",
    "Kubernetes Pod Security Standards, level restricted",
    "https://kubernetes.io/docs/concepts/security/pod-security-standards/ (v1.34)",
    (
        Practice(
            "non-root",
            "The container must run as a user who is not root",
            ("IF001", "IF002", "IF101", "IF102"),
            "The pod must set runAsNonRoot: true.",
        ),
        Practice(
            "user",
            "The user's number is not 0",
            ("IF001", "IF101"),
            "The pod must not set runAsUser: 0.",
        ),
        Practice(
            "escalation",
            "No process gains more rights than its parent has",
            ("IF010", "IF011", "IF150"),
            "The pod must set allowPrivilegeEscalation: false.",
        ),
        Practice(
            "capabilities",
            "All capabilities are dropped, at most NET_BIND_SERVICE is added",
            ("IF011",),
            "The pod must set capabilities.drop: [ALL].",
        ),
        Practice(
            "volumes",
            "Volumes are of harmless types, none is a path of the host",
            ("IF053", "IF160"),
            "The pod must use only configMap, csi, downwardAPI, emptyDir, ephemeral,"
            " persistentVolumeClaim, projected and secret.",
        ),
        Practice(
            "seccomp",
            "A seccomp profile is in force",
            (),
            "The pod must set seccompProfile.type: RuntimeDefault or Localhost.",
        ),
        Practice(
            "privileged",
            "The container is not privileged",
            (),
            "The pod must not set privileged: true.",
        ),
        Practice(
            "host",
            "Namespaces, ports and probes of the host are not used",
            (),
            "The pod must not set hostNetwork, hostPID, hostIPC, hostPort or a probe's host.",
        ),
        Practice(
            "mounts",
            "/proc is masked as usual",
            (),
            "The pod must leave procMount at Default.",
        ),
        Practice(
            "modules",
            "AppArmor and SELinux are not weakened",
            (),
            "The pod must not set an Unconfined AppArmor profile, nor a user or role of SELinux.",
        ),
        Practice(
            "sysctls",
            "Only harmless sysctls are set",
            (),
            "The pod may set only those that the standard lists.",
        ),
        Practice(
            "windows",
            "No process of the host is made on Windows",
            (),
            "The pod must not set hostProcess: true.",
        ),
    ),
)

PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile for profile in (CIS, TWELVE, RESTRICTED)
}
"""By the name that ``--profile`` takes."""
