"""``imgforge verify``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import EvidenceError, ImgforgeError

if TYPE_CHECKING:
    from imgforge.verify.inquiry import Inquiry
    from imgforge.verify.proven import Verified

EXAMPLES = """\
  imgforge verify --key imgforge.pub            the image that was built here
  imgforge verify --key imgforge.pub registry.example.com/acme/web:1.0
  imgforge verify --identity 'https://github.com/acme/web/*' \\
      --issuer https://token.actions.githubusercontent.com registry.example.com/acme/web:1.0
  imgforge verify --policy policy.toml --offline ./layout image.tar
  imgforge verify --policy policy.toml --export kyverno > policy.yaml
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("verify", COMMANDS["verify"], EXAMPLES)
    out.add_argument(
        "image",
        nargs="*",
        default=["."],
        metavar="IMAGE",
        help="project, OCI layout or archive, or registry reference (default: built here)",
    )
    options.flag(
        out,
        "--policy",
        type=Path,
        metavar="FILE",
        help="policy whose [[images]] say what is demanded; other flags only add to it",
    )
    options.verification(out)
    options.platform(out, "verify only these of an index; repeatable (default: all)")
    options.flag(
        out, "--offline", action="store_true", help="ask nobody: open no socket, read only files"
    )
    options.flag(
        out,
        "--export",
        choices=("cluster-image-policy", "kyverno"),
        metavar="KIND",
        variable="IMGFORGE_VERIFY_EXPORT",
        help="verify nothing; print the demand as a policy for clusters: cluster-image-policy or "
        "kyverno (IMAGE is then a glob of repositories that flags are about)",
    )
    options.flag(
        out,
        "--partial",
        action="store_true",
        help="export although the cluster cannot check all; the policy then says what not",
    )
    options.output(out, "verify")
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what was proven; exit with 5 and the first reason if it is not what is demanded."""
    from imgforge import policy
    from imgforge.verify import answer
    from imgforge.verify.inquiry import Inquiry

    flags, held = options.asked(given), policy.effective(given.policy)
    if given.export is not None:
        from imgforge.verify import exported

        globs = [image for image in given.image if image != "."]
        text = exported.export(given.export, held, flags, globs, partial=given.partial)
        _answer(given.output, text)
        return 0
    asked = Inquiry(held, flags, options.platforms(given.platform) or None, given.offline)
    proven = _all(given.image, asked, console)
    if given.format == "json":
        _answer(given.output, answer.as_json(proven, answer.digests(policy.files(given.policy))))
        return 0
    for image, each in proven:
        for line in answer.lines(image, each):
            console.note(line)
    _answer(given.output, "\n".join(each.digest for _, each in proven))
    return 0


def _all(images: list[str], asked: Inquiry, console: Console) -> list[tuple[str, Verified]]:
    """Verify every image; the first that is not proven is the error, the others its details."""
    from imgforge import sources
    from imgforge.verify.inquiry import inquire

    for image in images:
        sources.parse(image)  # a slip in the last name is told before the first is asked for
    proven: list[tuple[str, Verified]] = []
    failed: list[tuple[str, ImgforgeError]] = []
    for image in images:
        try:
            with console.step(f"verify {image}") as say:
                proven.append((image, inquire(image, asked, say)))
        except EvidenceError as error:
            failed.append((image, error))
    if failed:
        name, first = failed[0]
        message = first.message if len(images) == 1 else f"{name}: {first.message}"
        others = [f"{image}: {error.message}" for image, error in failed[1:]]
        raise EvidenceError(message, details=[*first.details, *others], hint=first.hint)
    return proven


def _answer(output: Path | None, text: str) -> None:
    if output is None:
        print(text.rstrip("\n"))
    else:
        options.write(output, text.rstrip("\n").encode() + b"\n")
