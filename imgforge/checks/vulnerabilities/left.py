"""IF208: vulnerabilities of language packages that the distribution answers for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF208",
    Severity.INFO,
    "A vulnerability is left to the distribution's word",
    why="A distribution's package brought a package of a language, and distributions mend what "
    "they ship without raising its version: by PyPI's advisories Debian's python3-requests would "
    "be vulnerable for ever. What the distribution's advisories speak of in its own package, they "
    "decide; if it is vulnerable, that is IF200 of the distribution's package.",
    remedy="Nothing; look at the distribution's tracker if you doubt it.",
    example="""\
# requests of Debian 12: CVE-2023-32681 is mended in 2.28.1+dfsg-1+deb12u1.
imgforge scan REF

# Not wanted? Take the package from PyPI, in a version that has the cure.
pip install requests==2.32.4""",
    references=("NIST SP 800-190 4.1.1",),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001
    """Yield each component of which something was left to the distribution, and what."""
    for _, same in groupby(scanned.left, key=lambda each: each.vulnerability.component.ref):
        every = list(same)
        package, owner = every[0].vulnerability.component.package, every[0].owner.package
        names = ", ".join(map(attrgetter("vulnerability.id"), every))
        yield RULE.finding(
            f"{package.purl}: {owner.name} {owner.version} is judged instead of it: {names}",
            path=package.paths[0] if package.paths else "",
            layer=package.layer,
            key=package.purl,
        )
