"""``imgforge sbom``: one image's, the difference of two (``sbom_diff``), several as one."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.sbom.document import Document

EXAMPLES = """\
  imgforge sbom -o image.spdx.json              of the image that was built here
  imgforge sbom ./some-oci-layout --format cyclonedx
  imgforge sbom image.spdx.json --format text   what is in it, for people
  imgforge sbom registry.example.com/acme/web:1.0 --platform linux/arm64
  imgforge sbom registry.example.com/acme/web:1.0 --from-attestation --key imgforge.pub
  imgforge sbom diff registry.example.com/acme/web:1.0 . --format markdown
  imgforge sbom diff old.spdx.json new.cdx.json --exit-code
  imgforge sbom merge web.spdx.json worker.cdx.json --name acme/shop > shop.spdx.json
"""

DOCUMENTS = ("spdx", "cyclonedx", "spdx3")
_FORMATS = (*DOCUMENTS, "text", "json", "markdown")


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("sbom", COMMANDS["sbom"], EXAMPLES)
    out.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help="project, layout, archive, docker-daemon:NAME, registry reference or SBOM (default: "
        "built here); or diff and two of them; or merge and SBOMs (a folder that is called so is "
        "./diff)",
    )
    options.platform(out, "which image of an index; for diff of both")
    options.offline(out)
    options.flag(
        out,
        "--from-attestation",
        action="store_true",
        help="the SBOM that was attested: it must be signed as the policy and the flags below "
        "demand; no layer is read",
    )
    options.flag(
        out,
        "--policy",
        type=Path,
        metavar="FILE",
        help="policy whose [[images]] say what an attestation must prove",
    )
    options.verification(out)
    options.flag(
        out,
        "--exit-code",
        action="store_true",
        help="diff: exit with 10 if anything was added, removed or changed",
    )
    options.flag(
        out, "--name", variable="IMGFORGE_SBOM_NAME", help="merge: what the whole is called"
    )
    options.flag(
        out, "--version", variable="IMGFORGE_SBOM_VERSION", help="merge: the whole's version"
    )
    options.output(out, "sbom")
    options.epoch(out, "when the SBOM says it was made (default: when the image was)")
    options.common(out)
    options.flag(
        out, "--format", choices=_FORMATS, help="of the output (default: spdx; of a diff: text)"
    )
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print one SBOM, or what is in it; how two differ; or several as one."""
    verb, *rest = given.what or ["."]
    if verb in {"diff", "merge"}:
        from imgforge.cli import sbom_diff, sbom_merge

        other = sbom_diff.run if verb == "diff" else sbom_merge.run
        return other(given, rest, console)
    if rest:
        raise InvalidInputError(
            f"an SBOM is of one image, and {len(rest) + 1} are named",
            hint="imgforge sbom diff A B compares two, imgforge sbom merge A B … joins SBOMs",
        )
    kind = given.format or "spdx"
    if kind not in {*DOCUMENTS, "text", "json"}:
        raise InvalidInputError(f"--format {kind} is of imgforge sbom diff")
    if given.from_attestation:
        options.put(given.output, _attested(given, verb, kind, console))
        return 0
    from imgforge.sbom import subject

    with console.step(f"read {verb}") as say:
        wanted = options.platforms(given.platform)
        read = subject.read(verb, wanted, offline=given.offline, say=say)
    options.put(given.output, _rendered(read, kind, given.epoch))
    return 0


def _attested(given: argparse.Namespace, what: str, kind: str, console: Console) -> bytes:
    from imgforge import policy
    from imgforge.sbom import attested
    from imgforge.verify.inquiry import Inquiry

    wanted = options.platforms(given.platform) or None
    held = policy.effective(given.policy)
    asked = Inquiry(held, options.asked(given), wanted, given.offline)
    signed = kind if kind in {"spdx", "cyclonedx"} else "spdx"
    with console.step(f"verify {what}") as say:
        found = attested.one(attested.attested(what, asked, signed, say))
    return found.data if kind == signed else _rendered(found.document, kind, given.epoch)


def _rendered(read: Document, kind: str, epoch: int | None) -> bytes:
    from imgforge.report import inventories

    if kind == "text":
        return inventories.text(read).encode()
    if kind == "json":
        value = inventories.value(read)
        return f"{json.dumps(value, indent=2, sort_keys=True)}\n".encode()
    created = (read.created or 0) if epoch is None else epoch
    writer = importlib.import_module(f"imgforge.sbom.{kind}")
    data: bytes = writer.render(read.inventory, name=read.name, created=created)
    return data
