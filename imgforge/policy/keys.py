"""The keys of ``policy.toml``: one table from which its reading, JSON Schema and docs derive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imgforge.policy.kinds import (
    CHECK,
    CHECKS,
    COUNT,
    DAY,
    DAYS,
    DIGEST,
    FLAG,
    GRACE,
    LEVEL,
    PART,
    POINTERS,
    PRINT,
    SCOPE,
    SHARE,
    SIZE,
    TEXT,
    TEXTS,
    TYPE,
    VERDICT,
    WITNESS,
    Key,
)

NAME: Final = "policy.toml"

TOP: Final[Mapping[str, Key]] = {
    "fail-on": Key(LEVEL, "The least severity that fails the gate; high if nothing is said."),
    "allow-shell": Key(FLAG, "A shell may be in the image, if its spec asks."),
    "allow-package-manager": Key(FLAG, "A package manager may be in the image, if its spec asks."),
    "allow-root": Key(FLAG, "The image may run as root."),
    "allow-compiler": Key(FLAG, "A compiler may be in the image, if its spec asks."),
    "allow-downloader": Key(
        FLAG, "A program that downloads (curl, wget) may be in the image, if its spec asks."
    ),
    "allow-sudo": Key(
        FLAG, "A program that changes the user (sudo, doas) may be in the image, if its spec asks."
    ),
    "allow-ssh": Key(FLAG, "An SSH daemon may be in the image, if its spec asks."),
}
BUDGET: Final[Mapping[str, Key]] = {
    "size": Key(SIZE, "The most that all layers may have as shipped: bytes, or 200MB, 1.5GiB."),
    "unpacked": Key(SIZE, "The most that all files may have."),
    "layers": Key(COUNT, "The most layers."),
    "age": Key(DAYS, "The most days since the image was made."),
    "base-age": Key(DAYS, "The most days since its base was made."),
}
IGNORE: Final[Mapping[str, Key]] = {
    "check": Key(CHECK, "The check whose findings are accepted.", required=True),
    "path": Key(TEXT, "A glob that their paths match; absent: any."),
    "key": Key(TEXT, "A glob that their keys match, such as a variable's name; absent: any."),
    "fingerprint": Key(PRINT, "The fingerprint of the one finding that is meant."),
    "image": Key(TEXT, "A glob that the image's name matches; absent: any."),
    "reason": Key(TEXT, "Why they are accepted.", required=True),
    "owner": Key(TEXT, "Who accepted them and answers for it.", required=True),
    "expires": Key(DAY, "The last day on which this holds (UTC).", required=True),
}
DELEGATE: Final[Mapping[str, Key]] = {
    "checks": Key(CHECKS, "The checks whose findings policies below this one may accept."),
    "trust": Key(
        FLAG, "They may say why bases and images are believed of which this policy says nothing."
    ),
    "max-days": Key(DAYS, "The most days from now that their exceptions may last."),
}
BASES: Final[Mapping[str, Key]] = {
    "allow": Key(TEXTS, "Globs of the bases that may be used; absent: any."),
}
TRUST: Final[Mapping[str, Key]] = {
    "match": Key(TEXT, "A glob of repositories, repository@digest, or base names.", required=True),
    "key": Key(TEXT, "The file of the public key that signs them, relative to this file."),
    "identity": Key(TEXT, "A glob of whom the signing certificate was issued to."),
    "issuer": Key(TEXT, "Who vouched for that identity, exactly."),
    "trusted-root": Key(TEXT, "The file of another Sigstore's trusted root."),
    "digest": Key(DIGEST, "The digest of that file. A policy that settings pin must give it."),
    "exempt": Key(TEXT, "Why they are believed without a signature."),
    "owner": Key(TEXT, "Who answers for the exemption."),
    "expires": Key(DAY, "The last day of the exemption (UTC)."),
}
STACKS: Final[Mapping[str, Key]] = {
    "catalogs": Key(
        TEXTS, "The catalogs that stacks may come from; imgforge is its own; absent: any."
    ),
    "allow": Key(
        TEXTS, "Globs of the stacks that may be used, as CATALOG/NAME@VERSION; absent: any."
    ),
    "allow-steps": Key(FLAG, "Specs may add [[build.steps]]; they may if nothing is said."),
    "allow-blocks": Key(FLAG, "Specs may replace [stack.blocks]; they may if nothing is said."),
}
SIGNERS_OF_STACKS: Final[Mapping[str, Key]] = {
    name: key for name, key in TRUST.items() if name not in {"exempt", "owner", "expires"}
}
REASONS: Final = {
    "key": (frozenset({"key"}), frozenset({"digest"})),
    "identity": (frozenset({"identity", "issuer"}), frozenset({"trusted-root", "digest"})),
    "exempt": (frozenset({"exempt", "owner", "expires"}), frozenset[str]()),
}
"""Why a base may be trusted: the keys that belong to each reason, and those that may."""

LICENCES: Final[Mapping[str, Key]] = {
    "allow": Key(TEXTS, "SPDX licences, or globs of them, that packages may have; absent: any."),
    "deny": Key(TEXTS, "SPDX licences, or globs of them, that no package may have."),
    "scope": Key(
        PART, "Whether all packages are judged (the default), or only what is not the base's."
    ),
}

IMAGES: Final[Mapping[str, Key]] = {
    "match": Key(
        TEXT, "A glob of repositories, or of the names that specs give images.", required=True
    ),
    "platforms": Key(
        SCOPE,
        "Whether each image in an index must prove all by itself (the default), or what is proven "
        "of the index will do.",
    ),
}
CLAIMS: Final[Mapping[str, str]] = {
    "repository": "the source repository's URI; acme/web is GitHub's",
    "ref": "the source's ref, such as refs/heads/main",
    "commit": "the source's commit",
    "workflow": "the URI of the build configuration that was started, with its ref",
    "workflow-commit": "the commit of that build configuration",
    "workflow-name": "the name of the workflow (GitHub, deprecated)",
    "signer": "the URI of the build instructions that signed, such as a reusable workflow",
    "signer-commit": "the commit of those instructions",
    "trigger": "the event that started the build, such as push",
    "runner": "where it ran, such as github-hosted",
    "run": "the URI of the very run",
    "owner": "the URI of the repository's owner; acme is GitHub's",
    "owner-id": "the owner's identifier, which no later owner of the name gets",
    "repository-id": "the repository's identifier, which no later one of the name gets",
    "visibility": "whether the repository was public or private",
    "environment": "the deployment environment of the job",
}
"""What a certificate may be asked for beside identity and issuer, by the names of
:data:`imgforge.signing.claims.CLAIMS`."""
SIGNED_BY: Final[Mapping[str, Key]] = {
    "key": Key(TEXT, "The file of the public key, relative to this file."),
    "identity": Key(TEXT, "A glob of whom the signing certificate was issued to."),
    "issuer": Key(TEXT, "A glob of who vouched for that identity."),
    **{
        name: Key(TEXT, f"A glob of what the certificate says: {what}.")
        for name, what in CLAIMS.items()
    },
    "trusted-root": Key(TEXT, "The file of another Sigstore's trusted root."),
    "digest": Key(
        DIGEST,
        "The digest of the key's file, or of the root's with an identity. A policy that settings "
        "pin must give it.",
    ),
    "root-digest": Key(DIGEST, "The digest of the trusted root that goes with a key."),
    "log": Key(
        WITNESS,
        "Whether a transparency log must hold the signature; required for an identity, waived for "
        "a key if nothing is said.",
    ),
    "timestamp": Key(
        WITNESS, "Whether a timestamp authority must have seen it; waived if nothing is said."
    ),
}
SIGNERS: Final = {
    "key": (
        frozenset({"key"}),
        frozenset({"digest", "trusted-root", "root-digest", "log", "timestamp"}),
    ),
    "identity": (
        frozenset({"identity", "issuer"}),
        frozenset({*CLAIMS, "trusted-root", "digest", "log", "timestamp"}),
    ),
}
"""What a signatory may be: the keys that belong to each kind, and those that may."""
ATTESTED: Final[Mapping[str, Key]] = {
    "type": Key(TYPE, "What is attested: the name or URI of a predicate type.", required=True),
    "builder": Key(TEXT, "A glob of the provenance's builder."),
    "source": Key(TEXT, "A glob of the repository that was built."),
    "ref": Key(TEXT, "A glob of the ref that was built."),
    "build-type": Key(TEXT, "A glob of the provenance's build type."),
    "locked": Key(TEXT, "An imgforge.lock that has every base which the provenance names."),
    "true": Key(FLAG, "The SBOM lists just what the image's layers have: they are read."),
    "below": Key(LEVEL, "No finding is as severe as this; the newest scan counts."),
    "max-age": Key(DAYS, "The most days since the scan."),
    "where": Key(POINTERS, "What must stand in the predicate, by JSON pointer (RFC 6901)."),
}
CONDITIONS: Final[Mapping[str, frozenset[str]]] = {
    "spdx": frozenset({"true"}),
    "cyclonedx": frozenset({"true"}),
    "provenance": frozenset({"builder", "source", "ref", "build-type", "locked"}),
    "findings": frozenset({"below", "max-age"}),
    "vuln": frozenset({"below", "max-age"}),
}
"""Which conditions can be held against which type; ``where`` against any."""

VULNERABILITIES: Final[Mapping[str, Key]] = {
    "required": Key(
        FLAG, "Vulnerabilities must have been looked for: without a database it is an error."
    ),
    "database-max-age": Key(DAYS, "The most days since the database was brought up to date."),
    "fail-on": Key(LEVEL, "The least level that fails; absent: the policy's own fail-on."),
    "only-fixed": Key(FLAG, "What nobody has mended yet is reported and does not fail."),
    "grace": Key(
        GRACE,
        "The days since its publication in which a vulnerability does not fail yet; of levels that "
        "a table does not name none.",
    ),
    "exploited": Key(
        VERDICT,
        "Whether what is exploited in the wild (KEV) fails whatever else is said; fail if nothing "
        "is.",
    ),
    "probability": Key(SHARE, "From this probability of exploitation (EPSS) any level fails."),
    "unmatched": Key(
        VERDICT, "Whether a component fails of which nobody knows; report if nothing is said."
    ),
    "vex": Key(
        TEXTS,
        "VEX documents that are believed: files or globs, relative to this file (with "
        "`@sha256:...` in a policy that settings pin), and `attested` for those that the image's "
        "own signatories attest of it.",
    ),
}
ACCEPTED: Final[Mapping[str, Key]] = {
    "id": Key(TEXT, "The vulnerability by any of its names, such as a CVE.", required=True),
    "package": Key(TEXT, "A glob that the package's purl matches; absent: any."),
    "reason": Key(TEXT, "Why it is accepted.", required=True),
    "owner": Key(TEXT, "Who accepted it and answers for it.", required=True),
    "expires": Key(DAY, "The last day on which this holds (UTC).", required=True),
}

TABLES: Final[Mapping[str, tuple[str, Mapping[str, Key]]]] = {
    "": ("What holds for every image.", TOP),
    "[severity]": ("Severities of checks, by id, in place of their own.", {}),
    "[budget]": ("How much an image may have.", BUDGET),
    "[[ignore]]": ("Findings that somebody accepted; one that has expired fails.", IGNORE),
    "[delegate]": ("What policies below this one may decide themselves.", DELEGATE),
    "[bases]": ("Which bases may be used.", BASES),
    "[[bases.trust]]": ("Why bases from registries are believed; the first match counts.", TRUST),
    "[stacks]": ("Which stacks may be used, and what specs may change of them.", STACKS),
    "[[stacks.trust]]": (
        "Who must have signed registries' stacks besides whom catalogs name; each needs an entry.",
        SIGNERS_OF_STACKS,
    ),
    "[licences]": ("Which licences packages may have; without it nobody asks.", LICENCES),
    "[vulnerabilities]": ("Which known vulnerabilities fail, and when.", VULNERABILITIES),
    "[[vulnerabilities.ignore]]": (
        "Vulnerabilities that somebody accepted; an entry that has expired fails.",
        ACCEPTED,
    ),
    "[[images]]": ("What images must prove to `imgforge verify`; the first match counts.", IMAGES),
    "[[images.signed-by]]": (
        "Who may have signed: one of these, by a key or by an identity and its issuer.",
        SIGNED_BY,
    ),
    "[[images.attested]]": ("What must be attested beside the signature, all of it.", ATTESTED),
}
"""Header → what it is for, and its keys."""
