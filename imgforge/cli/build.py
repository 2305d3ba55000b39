"""``imgforge build``."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import engines
from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.engines.protocol import BuildSecret

EXAMPLES = """\
  imgforge build                                build what ./imgforge.toml says
  imgforge build --load && docker run --rm acme/web:1.0
  imgforge build --key imgforge.key --push registry.example.com/acme/web
  imgforge build --keyless --push registry.example.com/acme/web     in a CI, or with a browser
  imgforge build services/web --engine native --format json
  imgforge build --platform linux/amd64         one of the spec's platforms: quicker, stays here
"""
ENGINES = ("auto", *engines.ENGINES)


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("build", COMMANDS["build"], EXAMPLES)
    options.project(out)
    options.flag(out, "--engine", choices=ENGINES, default="auto", help="what builds")
    options.flag(
        out,
        "-t",
        "--tag",
        action="append",
        metavar="TAG",
        help="tag instead of the spec's; repeatable",
    )
    options.platform(out, "build only these of the spec's platforms; repeatable; not with --push")
    options.flag(
        out,
        "--push",
        action="append",
        metavar="REPOSITORY[:TAG]",
        help="push, attach the evidence, and tag last; repeatable",
    )
    options.flag(
        out, "--load", action="store_true", help="also put the image into the Docker Engine"
    )
    options.flag(out, "--output", type=Path, metavar="DIR", help="default: .imgforge by the spec")
    options.signing(out, attest=True)
    options.flag(
        out,
        "--secret",
        action="append",
        metavar="id=NAME,src=FILE|env=VARIABLE",
        help="value of a secret that build.secrets declares; repeatable",
    )
    options.flag(out, "--policy", type=Path, metavar="FILE", help="policy that bounds the gate")
    options.flag(out, "--no-cache", action="store_true", help="build everything again")
    options.offline(out)
    options.epoch(out)
    options.metadata(out)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Build; print the image's reference by digest, or all of the result as JSON."""
    from imgforge import pipeline
    from imgforge.asked import Options
    from imgforge.files import locate

    result = pipeline.build(
        locate(given.path),
        Options(
            engine=given.engine,
            tags=_tags(given.tag),
            epoch=given.epoch,
            no_cache=given.no_cache,
            sign=options.may_sign_with(given),
            attest=options.attested(given.attest),
            secrets=secrets(given.secret),
            policy=given.policy,
            output=given.output,
            push=tuple(given.push),
            load=given.load,
            offline=given.offline,
            platforms=tuple(map(str, options.platforms(given.platform))),
        ),
        console,
    )
    record = result.record
    if record.signer:
        console.note(f"signed by {_signer(record.signer)}")
    else:
        console.note(
            "not signed: imgforge key generate, then build --key imgforge.key; in a CI --keyless"
        )
    console.note(f"image and evidence: {result.output}")
    value = {
        "reference": result.reference,
        "digest": record.image["digest"],
        "name": record.name,
        "tags": list(record.tags),
        "engine": record.engine,
        "engineReason": record.reason,
        "unchanged": result.unchanged,
        "signed": bool(record.signer),
        "signer": record.signer,
        "pushed": [each.to_json() for each in result.pushed],
        "output": str(result.output),
        "evidence": record.evidence,
    }
    options.answer(given, value, result.reference)
    return 0


def _signer(said: Mapping[str, str]) -> str:
    """Return who signed as `imgforge verify` calls him, which is what to demand there."""
    if "key" in said:
        return f"the key {said['key']}"
    return f"{said['identity']} of {said['issuer']}"


def _tags(given: list[str]) -> tuple[str, ...]:
    for tag in given:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag):
            raise InvalidInputError(
                f"--tag {tag!r} is not a tag",
                hint="the repository is named in the spec, and in a registry by --push",
            )
    return tuple(dict.fromkeys(given))


def secrets(given: list[str]) -> dict[str, BuildSecret]:
    """Read ``id=…,src=…`` and ``id=…,env=…``."""
    if not given:
        return {}
    from imgforge.engines.protocol import BuildSecret

    found = {}
    for text in given:
        fields = dict(part.partition("=")[::2] for part in text.split(","))
        name = fields.pop("id", "")
        source, variable = fields.pop("src", ""), fields.pop("env", "")
        if not name or fields or bool(source) == bool(variable):
            raise InvalidInputError(
                f"--secret {text.partition(',')[0]},… is malformed",
                hint="write id=NAME,src=FILE or id=NAME,env=VARIABLE",
            )
        if source and not Path(source).is_file():
            raise InvalidInputError(f"secret {name}: {source} is not a file")
        if variable and variable not in os.environ:
            raise InvalidInputError(f"secret {name}: the variable {variable} is not set")
        found[name] = BuildSecret(Path(source).resolve() if source else None, variable)
    return found
