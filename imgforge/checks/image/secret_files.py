"""IF020: credentials in files of any layer.

A private key below a ``test`` directory of an installed Python package, of Python's own library
or of ``node_modules`` is reported as low: it came from a public archive, so everybody has it and
it protects nothing. It is not left out, because a package of one's own may be the exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts, SecretHit
from imgforge.checks.finding import Finding, Severity
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

_TESTS: Final = frozenset({"test", "tests", "testing", "testdata", "fixtures", "test_data"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find credentials in the final file system and in what later layers hide."""
    sites = _sites(image)
    for index, layer in enumerate(image.layers):
        for hit in layer.secrets:
            visible, published = image.is_visible(index, hit.path), _published(hit, sites)
            message = f"{hit.title} in /{hit.place}, line {hit.line}: {hit.sample}"
            message += "" if visible else " (hidden now, but still shipped)"
            message += " (a test key published with its package)" if published else ""
            severity = Severity.LOW if published else None
            key = f"{hit.rule}:{hit.sample}" + ("" if visible else f":layer{index}")
            yield RULE.finding(
                message, path=hit.path, layer=layer.digest, key=key, severity=severity
            )


def _sites(image: ImageFacts) -> tuple[str, ...]:
    """Return where Python packages are installed, each with a trailing slash."""
    records = {p.paths[0] for p in image.packages if p.ecosystem == "pypi"}
    return tuple({path.rsplit("/", 2)[0] + "/" for path in records if path.count("/") > 1})


def _published(hit: SecretHit, sites: tuple[str, ...]) -> bool:
    folders = hit.path.split("/")[:-1]
    return (
        hit.rule == "private-key"
        and not _TESTS.isdisjoint(folders)
        and (
            hit.path.startswith(sites)
            or "node_modules" in folders
            or any(folder.startswith("python3.") for folder in folders)
        )
    )
