"""The real cosign, in a folder of its own, and how it is told where to sign and whom to trust."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from livesigstore import LiveSigstore
from running import run, tool

PASSWORD = "correct horse"
TYPES = {
    "spdxjson": "https://spdx.dev/Document",
    "cyclonedx": "https://cyclonedx.org/bom",
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
}
"""What ``--type`` is called, and the predicate type that it stands for."""

NO_SERVICES = ("--use-signing-config=false", "--tlog-upload=false")
NO_LOG = ("--insecure-ignore-tlog",)


@dataclass(frozen=True, slots=True)
class Cosign:
    """Runs cosign in ``folder``, where its key pair lies and the home and log-ins of nobody."""

    folder: Path

    def __call__(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Run a command that has to succeed; return what it printed."""
        return self._run(*arguments, env=env, code=0).stdout

    def refuses(self, *arguments: str | Path) -> str:
        """Run a command that has to fail; return what it said."""
        done = self._run(*arguments, code=None)
        assert done.returncode != 0, done.stdout
        return done.stderr

    @property
    def key(self) -> Path:
        """Cosign's own private key, made at first use."""
        if not (self.folder / "cosign.key").exists():
            self("generate-key-pair")
        return self.folder / "cosign.key"

    @property
    def pub(self) -> Path:
        """The public half."""
        return self.key.with_suffix(".pub")

    def _run(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, code: int | None
    ) -> subprocess.CompletedProcess[str]:
        home = str(self.folder)
        own = {"COSIGN_PASSWORD": PASSWORD, "DOCKER_CONFIG": home, "HOME": home, **(env or {})}
        return run(tool("cosign"), *arguments, cwd=self.folder, env=own, code=code)


def services(sigstore: LiveSigstore) -> tuple[str | Path, ...]:
    """Return the flags by which cosign signs with the services of ``sigstore``."""
    return (
        *("--signing-config", sigstore.signing_config),
        *("--trusted-root", sigstore.trusted_root),
    )


def github(sigstore: LiveSigstore, **claims: str) -> str:
    """Return a token of a workflow of acme/app, as cosign and we take it."""
    url = sigstore.github_env(**claims)["ACTIONS_ID_TOKEN_REQUEST_URL"]
    return str(httpx.get(url, trust_env=False).raise_for_status().json()["value"])


def statements(told: str) -> list[dict[str, Any]]:
    """Return the statements that ``cosign verify-attestation`` printed, one a line."""
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in told.splitlines()]
