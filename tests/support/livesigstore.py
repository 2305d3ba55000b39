"""A real Sigstore on loopback (``dev/sigstore``), and where all of it answers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from running import ROOT

WORKFLOW = ".github/workflows/release.yml"
"""What signs in a repository unless a test says otherwise."""


@dataclass(frozen=True, slots=True)
class LiveSigstore:
    """URLs have no slash at their end; ``registry`` is ``host:port`` of one with referrers."""

    issuer: str
    github_issuer: str
    fulcio: str
    rekor: str
    tsa: str
    registry: str
    folder: Path

    @property
    def trust_config(self) -> Path:
        """Whom to trust and where to sign (ClientTrustConfig v0.1)."""
        return self.folder / "trust_config.json"

    @property
    def trusted_root(self) -> Path:
        """Whom to trust (TrustedRoot v0.1)."""
        return self.folder / "trusted_root.json"

    @property
    def signing_config(self) -> Path:
        """Where to sign (SigningConfig v0.2)."""
        return self.folder / "signing_config.json"

    def token(self, email: str = "dev@example.com") -> str:
        """Return a fresh token by which a person signs; the identity is ``email``."""
        answer = httpx.get(f"{self.issuer}/token", params={"email": email}, trust_env=False)
        return str(answer.raise_for_status().json()["value"])

    def github_env(self, repository: str = "acme/app", **claims: str) -> dict[str, str]:
        """Return the variables that make a process a runner of GitHub's for ``repository``.

        ``claims`` are the token's that differ: ``ref``, ``sha``, ``event_name`` and others, and
        ``workflow_path``. The identity is :meth:`workflow`.
        """
        given = {"ref": "refs/heads/main", "sha": "0" * 40, "event_name": "push", **claims}
        path = given.get("workflow_path", WORKFLOW)
        return {
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t",
            "ACTIONS_ID_TOKEN_REQUEST_URL": (
                f"{self.issuer}/gha?{urlencode({'repository': repository, **given})}"
            ),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": given["event_name"],
            "GITHUB_REF": given["ref"],
            "GITHUB_REPOSITORY": repository,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "3",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": given["sha"],
            "GITHUB_WORKFLOW_REF": f"{repository}/{path}@{given['ref']}",
            "RUNNER_ENVIRONMENT": "github-hosted",
        }

    @staticmethod
    def workflow(
        repository: str = "acme/app", ref: str = "refs/heads/main", path: str = WORKFLOW
    ) -> str:
        """Return the identity that a workflow's certificate has."""
        return f"https://github.com/{repository}/{path}@{ref}"


@contextlib.contextmanager
def started(folder: Path, port: int | None = None) -> Iterator[LiveSigstore]:
    """Start one whose files lie in ``folder``, on free ports or from ``port`` on."""
    with subprocess.Popen(
        [ROOT / "dev/sigstore", "up", folder, *([str(port)] if port else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON": sys.executable},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(f"the local Sigstore did not start:\n{process.stderr.read()}")
        said = json.loads(line)
        try:
            yield LiveSigstore(**{**said, "folder": Path(said["folder"])})
        finally:
            process.stdin.close()  # it ends with its standard input
            process.wait(timeout=20)
