"""IF020: credentials in files of any layer.

What stands in the tests or the documentation of a public package came from a public archive, so
everybody has it and it protects nothing. Where a distribution alone puts files that makes any
credential low whose form has no checksum; elsewhere only what documentation and tests are full of,
such as private keys, because a package of one's own may be the exception. Nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts, SecretHit
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.layers import still_shipped
from imgforge.checks.image.packaged import (
    distributed,
    documents,
    for_tests,
    packaged,
    sites,
)
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF020",
    Severity.CRITICAL,
    "A file holds a credential",
    why="Everyone who can pull the image can read every file of every layer, with a tar tool"
    " and no container. That includes files that a later layer deletes or overwrites. A"
    " credential in an image must be taken as known to others: registries, caches, laptops"
    " and backups all keep copies.",
    remedy="Revoke the credential, keep it out of the build context, and mount it where it is"
    " needed; deleting the file in a later layer does not remove it.",
    example="""\
# Faulty: the last step hides the key, it does not take it back.
COPY deploy_key /root/.ssh/id_ed25519
RUN git clone git@example.com:acme/lib.git
RUN rm /root/.ssh/id_ed25519

# Cured: the key is there only while the step runs.
RUN --mount=type=ssh git clone git@example.com:acme/lib.git
""",
    references=(
        "NIST SP 800-190 4.1.4",
        "CIS Docker Benchmark 4.10",
        "CWE-798",
        "Dockle CIS-DI-0010",
    ),
)

_SAMPLES: Final = frozenset({"private-key", "encoded-private-key", "jwt", "gcp-api-key"})
_SIGNER: Final = "aws-access-key-id"
"""Documentation shows signed addresses, which name the key but do not hold its secret."""

_CHECKED: Final = frozenset({"github-token", "npm-token"})
"""Of these a stand-in is hardly ever right by chance: they were issued."""

_ARCHIVES: Final = (".jar", ".war", ".ear", ".whl", ".egg", ".gem", ".crate", ".tgz")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find credentials in the final file system and in what later layers hide."""
    if not any(layer.secrets for layer in image.layers):
        return
    installed = sites(image)
    for index, layer in enumerate(image.layers):
        for hit in layer.secrets:
            visible, published = image.is_visible(index, hit.path), _published(hit, installed)
            line = f", line {hit.line}" if hit.line else ", in its packed bytes"
            message = f"{hit.title} in /{hit.place}{line}: {hit.sample}"
            message += "" if visible else still_shipped(image, index)
            message += " (everybody has it: published with a package)" if published else ""
            severity = Severity.LOW if published else None
            inside = f"{hit.inside}:" if hit.inside else ""
            key = f"{inside}{hit.rule}:{hit.sample}" + ("" if visible else f":layer{index}")
            yield RULE.finding(
                message, path=hit.path, layer=layer.digest, key=key, severity=severity
            )


def _published(hit: SecretHit, installed: tuple[str, ...]) -> bool:
    """Whether it is of the tests or the documentation of a package, installed or an archive."""
    inner = hit.inside.split("!/")[-1]
    if hit.rule == "private-key" and hit.path.endswith(_ARCHIVES) and for_tests(inner):
        return True
    document = documents(hit.path) or documents(inner)
    if hit.rule in _CHECKED or not (document or for_tests(hit.path) or for_tests(inner)):
        return False
    if distributed(hit.path):
        return True
    usual = hit.rule in _SAMPLES or (document and hit.rule == _SIGNER)
    return usual and packaged(hit.path, installed)
