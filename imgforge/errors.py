"""Every way imgforge fails on purpose: one tree, each class with its exit code.

Only :mod:`imgforge.cli` catches these. Anything else that escapes is a bug (exit code 1).
"""

from __future__ import annotations

from typing import ClassVar


class ImgforgeError(Exception):
    """A failure that can be explained.

    ``message`` says what is wrong in one line and names the place; ``details`` are further lines
    (one per problem when several were found at once); ``hint`` says what to do next.
    """

    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "bug"

    def __init__(
        self, message: str, *, details: tuple[str, ...] | list[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.hint = hint


class InvalidInputError(ImgforgeError):
    """The command line, a spec, stack, policy or lock is invalid; nothing was done."""

    exit_code = 2
    title = "invalid input"


class ToolMissingError(ImgforgeError):
    """A tool or engine that the request needs is absent, unable or too old."""

    exit_code = 3
    title = "missing tool"


class BuildFailedError(ImgforgeError):
    """The build itself failed: an engine, a build step, a base that differs from its lock."""

    exit_code = 4
    title = "build failed"


class EvidenceError(ImgforgeError):
    """An SBOM, signature or verification failed; the subject is not to be trusted."""

    exit_code = 5
    title = "evidence"


class RegistryError(ImgforgeError):
    """A registry or package archive refused, lied, or sent what does not match its digest."""

    exit_code = 6
    title = "registry"


class GateError(ImgforgeError):
    """What was judged does not pass: findings reach the policy's gate, or a lock is behind."""

    exit_code = 10
    title = "findings at or above the gate"


class TransientError(ImgforgeError):
    """Something outside did not answer in time; the same call may succeed later."""

    exit_code = 75
    title = "transient"


ERRORS: tuple[type[ImgforgeError], ...] = (
    InvalidInputError,
    ToolMissingError,
    BuildFailedError,
    EvidenceError,
    RegistryError,
    GateError,
    TransientError,
)
