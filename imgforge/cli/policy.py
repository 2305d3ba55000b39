"""``imgforge policy``."""

from __future__ import annotations

import argparse
from pathlib import Path

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge policy show                          the policy that holds here, and who says what
  imgforge policy show --policy policy.toml     with a project's; exit 2 if it asks for too much
  imgforge policy sign policy.toml --key platform.key
  imgforge policy verify policy.toml --key platform.pub
  imgforge policy digest policy.toml            to pin it in config.toml
"""

VERBS = {
    "show": "show the policy that holds, and which file says what",
    "sign": "sign a policy; the signature goes beside it",
    "verify": "verify a policy's signature",
    "digest": "print the digest by which settings pin a policy, or a policy a key",
}


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, with one below it for each verb."""
    out = options.parser("policy", COMMANDS["policy"], EXAMPLES)
    verbs = out.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    for verb, summary in VERBS.items():
        examples = [line for line in EXAMPLES.splitlines() if f" policy {verb}" in line]
        settings = options.described(f"policy {verb}", summary, "\n".join(examples))
        _arguments(verb, verbs.add_parser(verb, help=summary, **settings))
    return out


def _arguments(verb: str, out: argparse.ArgumentParser) -> None:
    if verb == "show":
        about = "a further policy, which can only tighten the organisation's"
        options.flag(out, "--policy", type=Path, metavar="FILE", help=about)
        options.common(out, "text", "json")
        return
    out.add_argument("file", metavar="FILE", type=Path, help="the policy")
    if verb == "sign":
        about = "private key to sign with (imgforge key)"
        options.flag(out, "--key", type=Path, required=True, help=about)
        about = "holds the key's password"
        options.flag(out, "--password-file", type=Path, metavar="FILE", help=about)
    if verb == "verify":
        about = "public key that must have signed"
        options.flag(
            out, "--key", type=Path, required=True, variable="IMGFORGE_PUBLIC_KEY", help=about
        )
    options.common(out)


def run(given: argparse.Namespace, console: Console) -> int:
    """Do what the verb says."""
    if given.verb == "show":
        return _show(given)
    from imgforge import tomlfile
    from imgforge.oci.types import sha256
    from imgforge.policy import file, organisation

    if given.verb == "digest":
        print(sha256(tomlfile.read_bytes(given.file)))
        return 0
    data = tomlfile.read_bytes(given.file)
    if given.verb == "sign":
        from imgforge.signing import KeySigner, password

        organisation.check_named(file.parse(data, given.file), given.file)
        signer = KeySigner.open(given.key, password.read(given.password_file))
        print(organisation.sign(data, given.file, signer))
        return 0
    fingerprint = organisation.verify(data, given.file, given.key)
    file.parse(data, given.file)
    console.note(f"signed by key {fingerprint}")
    print(sha256(data))
    return 0


def _show(given: argparse.Namespace) -> int:
    from imgforge import policy
    from imgforge.policy import downstream
    from imgforge.report import policy as report

    layers = policy.layers(given.policy)
    held = downstream.combined(layers) if layers else policy.Policy()
    form = report.as_json if given.format == "json" else report.render
    print(form(layers, held), end="")
    return 0
