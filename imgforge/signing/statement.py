"""In-toto statements (github.com/in-toto/attestation, spec/v1/statement.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from imgforge import strictjson
from imgforge.oci.types import canonical_json, is_digest

STATEMENT = "https://in-toto.io/Statement/v1"
STATEMENTS = (STATEMENT, "https://in-toto.io/Statement/v0.1")
"""The types read; ``cosign attest`` still writes v0.1."""

SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
"""Predicate type of "this image is signed"; its predicate is empty."""
SPDX = "https://spdx.dev/Document"
CYCLONEDX = "https://cyclonedx.org/bom"
PROVENANCE = "https://slsa.dev/provenance/v1"
PROVENANCES = (PROVENANCE, "https://slsa.dev/provenance/v0.2")
"""The SLSA provenances that are read; v1 is written."""
FINDINGS = "https://imgforge.dev/findings/v1"
VULNERABILITIES = "https://cosign.sigstore.dev/attestation/vuln/v1"
"""Cosign's: a scanner's report as it is, and when the scan was."""
VULNS = ("https://in-toto.io/attestation/vulns/v0.1", "https://in-toto.io/attestation/vulns/v0.2")
"""In-toto's (spec/predicates/vuln.md): vulnerabilities by id and severity."""

TYPES: Final[Mapping[str, str]] = {
    "spdx": SPDX,
    "cyclonedx": CYCLONEDX,
    "provenance": PROVENANCE,
    "findings": FINDINGS,
    "vuln": VULNERABILITIES,
}
"""What policies and flags call the predicate types of attestations; any other is named whole."""

MAX_SUBJECTS = 4096
"""The most subjects of one statement; an index with its platforms has some dozens."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: a name for people and a digest for machines."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Statement:
    """``predicate`` (decoded JSON) of type ``predicate_type`` holds for ``subjects``."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Any

    def to_bytes(self) -> bytes:
        """Return canonical JSON, always of type Statement v1."""
        return canonical_json(
            {
                "_type": STATEMENT,
                "subject": [
                    {"name": s.name, "digest": {"sha256": s.digest.removeprefix("sha256:")}}
                    for s in self.subjects
                ],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Statement:
        """Read a statement v0.1 or v1; ValueError saying what is wrong.

        A subject that is known by other digests than sha256 alone (a Git commit, say) is no image
        and left out; other digests beside sha256 are passed over, as are unknown fields, which the
        specification allows. A statement without any sha256 digest is an error.
        """
        value = strictjson.load_object(data)
        if value.get("_type") not in STATEMENTS:
            raise ValueError(f"the statement type is {value.get('_type')!a}")
        kind, subjects = value.get("predicateType"), value.get("subject")
        if not isinstance(kind, str) or not kind:
            raise ValueError("the statement has no predicateType")
        if not isinstance(subjects, list) or not subjects:
            raise ValueError("the statement has no subject")
        if len(subjects) > MAX_SUBJECTS:
            raise ValueError(f"the statement has over {MAX_SUBJECTS} subjects")
        read = tuple(found for each in subjects if (found := _subject(each)) is not None)
        if not read:
            raise ValueError("no subject of the statement has a sha256 digest")
        return cls(read, kind, value.get("predicate"))

    def is_about(self, digest: str) -> bool:
        """Whether ``digest`` is one of the subjects'."""
        return any(s.digest == digest for s in self.subjects)


def about(subjects: Sequence[Subject], predicate_type: str, predicate: Any) -> Statement:  # noqa: ANN401 - JSON
    """Return the statement; ValueError if a subject has no name or no sha256 digest."""
    for subject in subjects:
        if not subject.name or not is_digest(subject.digest):
            raise ValueError(f"not a subject: {subject}")
    return Statement(tuple(subjects), predicate_type, predicate)


def _subject(value: object) -> Subject | None:
    if not isinstance(value, dict):
        raise ValueError("a subject is not an object")  # noqa: TRY004 - one error
    name, digests = value.get("name", ""), value.get("digest")
    if not isinstance(name, str) or not isinstance(digests, dict):
        raise ValueError("a subject has no digest, or its name is not a string")  # noqa: TRY004
    if "sha256" not in digests:
        return None
    digest = f"sha256:{digests['sha256']}"
    if not is_digest(digest):
        raise ValueError("a subject's sha256 digest is none")
    return Subject(name, digest)
