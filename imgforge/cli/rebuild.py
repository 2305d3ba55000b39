"""``imgforge rebuild``."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.cli import build as building
from imgforge.console import Console
from imgforge.errors import GateError, InvalidInputError, TransientError

if TYPE_CHECKING:
    from imgforge.engines.protocol import Built
    from imgforge.rebuilding.again import Request
    from imgforge.rebuilding.compared import Comparison
    from imgforge.sources.name import Name

EXAMPLES = """\
  imgforge rebuild                              the image that was built here, from what lies here
  imgforge rebuild registry.example.com/acme/web:1.0 --key imgforge.pub --from ~/src/web
  imgforge rebuild registry.example.com/acme/web:1.0 --key imgforge.pub --fetch
  imgforge rebuild ./layout --platform linux/amd64 --keep ./again --format json
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("rebuild", COMMANDS["rebuild"], EXAMPLES)
    options.image(out, "project, OCI layout or archive, or registry reference")
    # --source says in other commands what provenance must name; here it is where the files are.
    options.flag(
        out,
        "--from",
        dest="folder",
        type=Path,
        metavar="DIR",
        variable="IMGFORGE_REBUILD_FROM",
        help="project, or a checkout of its repository (default: the project named, or here)",
    )
    options.flag(
        out,
        "--fetch",
        action="store_true",
        help="clone the recorded repository; only for provenance that was verified",
    )
    options.flag(
        out, "--keep", type=Path, metavar="DIR", help="write what was made there, an OCI layout"
    )
    options.flag(
        out,
        "--engine",
        choices=building.ENGINES,
        help="what builds (default: what built it); another engine may make another image",
    )
    options.flag(
        out,
        "--cached",
        action="store_true",
        help="let engines use what they keep of earlier builds: quicker, and it proves less",
    )
    options.flag(
        out,
        "--secret",
        action="append",
        metavar="id=NAME,src=FILE|env=VARIABLE",
        help="value of a secret that the build needs; repeatable",
    )
    about = "policy that says what must be proven, and which bases are trusted"
    options.flag(out, "--policy", type=Path, metavar="FILE", help=about)
    options.verification(out)
    options.platform(out, "make only these of the image's platforms; repeatable")
    options.offline(out)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Build again; print the digest if it is the same, else how it differs, and exit with 10."""
    from imgforge import policy, sources
    from imgforge.cli import provenance as shown
    from imgforge.provenance import told
    from imgforge.rebuilding import again, compared, origin
    from imgforge.sources import name as names

    name = sources.parse(given.image)
    found = shown.heard(given, console, demanded=False)
    if len(found) != 1:
        raise InvalidInputError(
            f"{given.image} has {len(found)} different provenances",
            hint="name the image with --platform, or who made it with --builder",
        )
    (heard,) = found
    if not heard.signer:
        console.note("nobody's signature was verified: --key or --identity demand one")
        if given.fetch:
            raise InvalidInputError(
                "--fetch is only for provenance that was verified",
                hint="give --key, or --identity and --issuer; or clone it, and give --from",
            )
    here = name.path if name.kind == names.PROJECT else Path()
    asked = again.Request(
        place=origin.Place(given.folder or here, given.fetch),
        policy=policy.effective(given.policy),
        platforms=options.platforms(given.platform),
        secrets=building.secrets(given.secret),
        offline=given.offline,
        engine=given.engine or "",
        cached=given.cached,
    )
    what = told.read(heard.kind, heard.predicate)
    with again.built(what, asked, console) as made:
        result = compared.whole(heard.top, made)
        if result is None:
            with console.step("compare") as say:
                result = _compared(name, heard.top, made, asked, say)
        if given.keep is not None:
            from imgforge.bases.cached import write_out

            write_out(made.layout, made.image, given.keep)
    _answer(given, result)
    if not result.same:
        raise GateError(
            f"what was made is not {result.expected}, but {result.made}",
            hint="what differs is listed; imgforge provenance verify says what was not pinned",
        )
    console.note("made again, and the same to the last bit")
    return 0


def _compared(
    name: Name, expected: str, made: Built, asked: Request, say: Callable[[str], None]
) -> Comparison:
    """Look at the image itself: it is another, or one of several platforms."""
    from imgforge import sources
    from imgforge.rebuilding import compared

    with (
        tempfile.TemporaryDirectory(prefix="imgforge-compare-") as scratch,
        sources.open_source(name, say=say, offline=asked.offline) as source,
    ):
        if source.digest() not in {"", expected}:
            raise TransientError(
                f"{name.place} is another image by now: {source.digest()}",
                hint="name it by digest",
            )
        listed = source.images(asked.platforms, say)
        return compared.images(expected, source.blobs, listed, made, Path(scratch))


def _answer(given: argparse.Namespace, result: Comparison) -> None:
    if given.format == "json":
        print(json.dumps(result.to_json(), indent=2, sort_keys=True))
        return
    if result.same:
        print(result.made)
        return
    from imgforge.report import difference

    print(difference.render(result.differences), end="")
    for platform, layers in result.layers.items():
        for layer in layers:
            how = "packed otherwise" if layer.packed else "of other content"
            new, old = layer.made or "none", layer.expected or "none"
            print(f"{platform}: layer {layer.number} is {new}, was {old}: {how}")
