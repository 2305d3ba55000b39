"""An organisation with settings, a policy and a key pair, for tests of what it bounds."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imgforge import files
from imgforge.oci.types import sha256
from imgforge.policy import organisation
from imgforge.signing import generate
from imgforge.signing.signer import KeySigner


@functools.cache
def signer() -> tuple[KeySigner, bytes]:
    """Return a key of this run's, made once since that is slow, and its public half as PEM."""
    with tempfile.TemporaryDirectory() as folder:
        private, public = generate(Path(folder) / "org", b"")
        return KeySigner.open(private, b""), public.read_bytes()


@dataclass(frozen=True)
class Organisation:
    """A folder of settings; ``environ`` is an environment in which they are a user's."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The policy."""
        return self.folder / "org.toml"

    @property
    def settings(self) -> Path:
        """The settings that pin it."""
        return self.folder / "config.toml"

    def write(self, policy: str) -> None:
        """Give the policy this text."""
        self.file.write_text(policy)

    def pin(self, *ways: str) -> None:
        """Write settings that pin the policy as it is now, by digest, key, or both."""
        lines = {
            "digest": f'digest = "{sha256(self.file.read_bytes())}"',
            "key": 'key = "org.pub"',
        }
        text = "\n".join(["[policy]", 'file = "org.toml"', *(lines[way] for way in ways)])
        self.settings.write_text(text + "\n")

    def sign(self) -> Path:
        """Sign the policy as it is now; write the public key and return where the bundle lies."""
        private, public = signer()
        (self.folder / "org.pub").write_bytes(public)
        return organisation.sign(self.file.read_bytes(), self.file, private)


def organisation_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """Return an organisation whose settings are a user's own, on a machine without any."""
    monkeypatch.setattr(files, "SYSTEM", folder / "etc" / "config.toml")
    home = folder / "home" / "imgforge"
    home.mkdir(parents=True)
    return Organisation(home, {"XDG_CONFIG_HOME": str(home.parent)})
