"""IF020: credentials in files of any layer.

A private key below a directory with tests of a public package is reported as low: it came from a
public archive, so everybody has it and it protects nothing. It is not left out, because a package
of one's own may be the exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts, SecretHit
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.layers import still_shipped
from imgforge.checks.image.packaged import for_tests, packaged, sites
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

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

_ARCHIVES: Final = (".jar", ".war", ".ear", ".whl", ".egg", ".gem", ".crate", ".tgz")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find credentials in the final file system and in what later layers hide."""
    if not any(layer.secrets for layer in image.layers):
        return
    installed = sites(image)
    for index, layer in enumerate(image.layers):
        for hit in layer.secrets:
            visible, published = image.is_visible(index, hit.path), _published(hit, installed)
            message = f"{hit.title} in /{hit.place}, line {hit.line}: {hit.sample}"
            message += "" if visible else still_shipped(image, index)
            message += " (a test key published with its package)" if published else ""
            severity = Severity.LOW if published else None
            inside = f"{hit.inside}:" if hit.inside else ""
            key = f"{inside}{hit.rule}:{hit.sample}" + ("" if visible else f":layer{index}")
            yield RULE.finding(
                message, path=hit.path, layer=layer.digest, key=key, severity=severity
            )


def _published(hit: SecretHit, installed: tuple[str, ...]) -> bool:
    """Whether a key is test material of a package, installed or an archive of its own."""
    if hit.rule != "private-key":
        return False
    inner = hit.inside.split("!/")
    if hit.inside and hit.path.endswith(_ARCHIVES) and for_tests(inner[-1]):
        return True
    return packaged(hit.path, installed) and for_tests(hit.path)
