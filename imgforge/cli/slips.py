"""What was meant by a word that imgforge does not know: one mistyped, or one of cosign's."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Final

COMMANDS: Final = {
    "attach": "attest",
    "copy": "push",
    "download": "sbom",
    "generate-key-pair": "key generate",
    "import-key-pair": "key import",
    "public-key": "key public",
    "tree": "verify --format json",
    "verify-attestation": "verify --require TYPE",
}
"""cosign's command -> what does it here."""

FLAGS: Final = {
    "--allow-http-registry": "IMGFORGE_INSECURE_REGISTRIES=HOST:PORT, where it is not this machine",
    "--allow-insecure-registry": "IMGFORGE_REGISTRY_TLS=HOST:PORT=CA.pem, by its authority",
    "--certificate-github-workflow-ref": "--ref",
    "--certificate-github-workflow-repository": "--repository",
    "--certificate-github-workflow-trigger": "--trigger",
    "--certificate-identity": "--identity",
    "--certificate-identity-regexp": "--identity, with a glob",
    "--certificate-oidc-issuer": "--issuer",
    "--certificate-oidc-issuer-regexp": "--issuer, with a glob",
    "--fulcio-url": "--trust-config",
    "--insecure-ignore-tlog": "--log waived, which is so of a key anyway",
    "--output-key-prefix": "the prefix alone: imgforge key generate PREFIX",
    "--recursive": "nothing: every platform of an index is meant unless you choose",
    "--rekor-url": "--trust-config",
    "--signing-config": "--trust-config",
    "--tlog-upload": "--log",
    "--yes": "nothing: no question is asked",
}
"""cosign's flag -> what it is here."""


def command(name: str, known: Collection[str]) -> str:
    """Return a hint for whoever asked for the command ``name``, which is none of ``known``."""
    if name in COMMANDS:
        return f"cosign's {name} is imgforge {COMMANDS[name]}"
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean imgforge {close[0]}?" if close else "imgforge --help lists them"


def flags(unknown: Collection[str], known: Collection[str]) -> list[str]:
    """Return hints for flags that are none of ``known``; ``-y`` and arguments get none."""
    hints = []
    for word in unknown:
        name = word.partition("=")[0]
        if name in FLAGS:
            hints.append(f"cosign's {name} is here {FLAGS[name]}")
        elif name.startswith("--") and (close := difflib.get_close_matches(name, known, 1)):
            hints.append(f"did you mean {close[0]}?")
    return hints
