"""Flags that commands share; every flag has one ``IMGFORGE_*`` twin in the environment."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from imgforge.errors import InvalidInputError
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.signing.choice import SignWith
    from imgforge.verify.flags import Flags

SCRIPT_EXIT = """exit codes: 0 done, every gate held; 2 invalid input; 3 a tool is missing;
4 the build failed; 5 evidence failed; 6 a registry refused; 10 findings; 75 try again"""

_MAX_DAYS = 36_500

CLAIMS = {
    "repository": "the source's repository",
    "ref": "the source's ref",
    "workflow": "the workflow that was started",
    "trigger": "what started it",
}
"""Claims of certificates that have a flag; a policy can ask for all of them."""


class Parser(argparse.ArgumentParser):
    """A parser that says what may have been meant by a flag that it does not know."""

    def error(self, message: str) -> NoReturn:
        """Print how the command is used and what is wrong; end with exit code 2."""
        what, _, unknown = message.partition("unrecognized arguments: ")
        if unknown and not what:
            from imgforge.cli import slips

            for hint in slips.flags(unknown.split(), self._option_string_actions):
                message += f"\nhint: {hint}"
        super().error(message)


def parser(name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    """Make a command's parser; its help begins with examples."""
    return Parser(**described(name, summary, examples))


def described(name: str, summary: str, examples: str) -> dict[str, Any]:
    """Return what a parser is made with, a command's or one of its verbs'."""
    return {
        "prog": f"imgforge {name}",
        "usage": f"\n{examples.rstrip()}",
        "description": summary[:1].upper() + summary[1:] + ".",
        "epilog": SCRIPT_EXIT,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }


def flag(parser: argparse.ArgumentParser, *names: str, **settings: Any) -> None:  # noqa: ANN401
    """Add a flag and its environment twin: ``--no-cache`` is also ``IMGFORGE_NO_CACHE``.

    ``variable`` names another one where the same flag means something else in another command.
    A switch is on when its variable is ``1`` (or true, yes, on), off when it is ``0`` or empty. A
    repeatable flag's variable holds words; where they may be left out, ``1`` is the bare flag.
    """
    long = next(name for name in names if name.startswith("--"))
    plain = "IMGFORGE_" + long.removeprefix("--").upper().replace("-", "_")
    variable = settings.pop("variable", plain)
    given = os.environ.get(variable)
    settings["help"] = f"{settings.get('help', '')} [{variable}]"
    action = settings.get("action")
    if action == "store_true":
        settings["default"] = given is not None and _switch(variable, given)
    elif action == "append":
        settings["default"] = [] if given is None else _typed(settings, variable, *given.split())
    elif settings.get("nargs") == "*" and given:
        settings["default"] = [] if given == "1" else _typed(settings, variable, *given.split())
    elif given is not None and settings.get("nargs") != "*":
        settings["default"] = _typed(settings, variable, given)[0]
        settings.pop("required", None)
    parser.add_argument(*names, **settings)


def _switch(variable: str, given: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"": False, "0": False, "false": False, "no": False, "off": False}
    if given.lower() not in known:
        raise InvalidInputError(f"{variable} is {given!r}: neither 1 nor 0")
    return known[given.lower()]


def _typed(settings: dict[str, Any], variable: str, *values: str) -> list[Any]:
    kind: Callable[[str], Any] = settings.get("type", str)
    choices = settings.get("choices")
    for value in values:
        if choices is not None and value not in choices:
            raise InvalidInputError(f"{variable} is {value!r}: not one of {', '.join(choices)}")
    return [kind(value) for value in values]


def common(parser: argparse.ArgumentParser, *formats: str) -> None:
    """Add what every command takes: ``-v``, ``-q`` and, where there is a choice, ``--format``."""
    flag(parser, "-v", "--verbose", action="store_true", help="show every program that is run")
    flag(parser, "-q", "--quiet", action="store_true", help="no progress, only errors")
    if formats:
        flag(parser, "--format", choices=formats, default=formats[0], help="of the output")


def project(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument that names a project."""
    parser.add_argument(
        "path",
        nargs="?",
        type=Path,
        default=Path(),
        help="folder of imgforge.toml, or the file (default: here)",
    )


def offline(parser: argparse.ArgumentParser) -> None:
    """Add the switch that forbids the network."""
    flag(parser, "--offline", action="store_true", help="fetch nothing, take all from the cache")


def epoch(
    parser: argparse.ArgumentParser,
    about: str = "when the image says it was made (default: the lock's time)",
) -> None:
    """Add the time that everything in what is made is given."""
    default = os.environ.get("SOURCE_DATE_EPOCH")
    if default is not None and not default.isdecimal():
        raise InvalidInputError(f"SOURCE_DATE_EPOCH is {default!r}: not seconds since 1970")
    parser.add_argument(
        "--source-date-epoch",
        dest="epoch",
        type=int,
        default=int(default) if default else None,
        metavar="SECONDS",
        help=f"{about} [SOURCE_DATE_EPOCH]",
    )


def base(parser: argparse.ArgumentParser) -> None:
    """Add what says which base is to be made, and of what."""
    parser.add_argument("name", metavar="NAME", help="a base, as imgforge base list names it")
    platform(parser, "make it for these; repeatable (default: the lock's, else both)")
    flag(
        parser,
        "--package",
        action="append",
        metavar="PACKAGE",
        help="add a package of the distribution; repeatable",
    )
    flag(
        parser,
        "--lock",
        type=Path,
        metavar="FILE",
        help="take what this lock pins; write it if it does not exist",
    )
    flag(parser, "--offline", action="store_true", help="take nothing but what the cache holds")


def platform(parser: argparse.ArgumentParser, about: str) -> None:
    """Add a repeatable choice of platforms; :func:`platforms` reads it."""
    flag(parser, "--platform", action="append", metavar="OS/ARCH", help=about)


def platforms(given: list[str]) -> tuple[Platform, ...]:
    """Return the platforms that were given, in order, once each; InvalidInputError if malformed."""
    try:
        return tuple(dict.fromkeys(Platform.parse(text) for text in given))
    except ValueError as error:
        raise InvalidInputError(f"--platform: {error}", hint="such as linux/arm64") from error


def verification(parser: argparse.ArgumentParser) -> None:
    """Add what demands evidence of images; :func:`asked` reads it."""
    from imgforge.policy.kinds import TYPES
    from imgforge.severity import LEVELS

    flag(
        parser,
        "--key",
        type=Path,
        metavar="FILE",
        variable="IMGFORGE_PUBLIC_KEY",
        help="public key that must have signed",
    )
    flag(parser, "--identity", metavar="GLOB", help="whom the signing certificate was issued to")
    flag(parser, "--issuer", metavar="GLOB", help="who vouched for that identity")
    for name, about in CLAIMS.items():
        flag(parser, f"--{name}", metavar="GLOB", help=f"{about}, as the certificate says")
    flag(
        parser,
        "--trusted-root",
        type=Path,
        metavar="FILE",
        help="trusted root of another Sigstore than the public one",
    )
    for name, about in (
        ("log", "whether a transparency log must hold signatures (default: those by identities)"),
        ("timestamp", "whether a timestamp authority must have seen them (default: waived)"),
    ):
        flag(
            parser,
            f"--{name}",
            choices=("required", "waived"),
            variable=f"IMGFORGE_VERIFY_{name.upper()}",
            help=about,
        )
    flag(
        parser,
        "--require",
        action="append",
        metavar="TYPE",
        help=f"evidence that must be attested: {', '.join(TYPES)} or a predicate type's URI; "
        "repeatable (default with --key and no policy, as for builds of one's own: spdx, "
        "cyclonedx, provenance, findings; else, or with signature: the signature alone)",
    )
    flag(parser, "--builder", metavar="GLOB", help="who built it, as the provenance says")
    flag(parser, "--source", metavar="GLOB", help="what it was built from, as the provenance says")
    flag(
        parser,
        "--lock",
        type=Path,
        metavar="FILE",
        variable="IMGFORGE_VERIFY_LOCK",
        help="lock that must have every base which the provenance names",
    )
    flag(
        parser,
        "--true-sbom",
        action="store_true",
        help="the SBOM must list just what the image's layers have: they are read",
    )
    flag(
        parser,
        "--below",
        choices=LEVELS,
        help="no finding of the newest scan is as severe as this",
    )
    flag(
        parser,
        "--max-age",
        type=days,
        metavar="DAYS",
        help="the most days since the scan",
    )


def asked(given: argparse.Namespace) -> Flags:
    """Return what the flags of :func:`verification` demand; InvalidInputError if malformed."""
    from imgforge.policy.kinds import TYPE
    from imgforge.verify.flags import SIGNATURE, Flags

    for name in given.require:
        try:
            if name != SIGNATURE:
                TYPE.read(name)
        except ValueError as error:
            from imgforge.signing import predicate

            raise InvalidInputError(
                f"--require {name!a} {error}", hint=predicate.called(name)
            ) from error
    return Flags(
        key=given.key,
        identity=given.identity or "",
        issuer=given.issuer or "",
        claims={name: value for name in CLAIMS if (value := getattr(given, name))},
        trusted_root=given.trusted_root,
        log=None if given.log is None else given.log == "required",
        timestamp=None if given.timestamp is None else given.timestamp == "required",
        require=given.require,
        builder=given.builder or "",
        source=given.source or "",
        locked=given.lock,
        true=given.true_sbom,
        below=given.below,
        max_age=given.max_age,
    )


def days(text: str) -> int:
    """Read a number of days, 0 or more."""
    if not (text.isascii() and text.isdecimal()) or int(text) > _MAX_DAYS:
        raise InvalidInputError(f"{text!r} is not a number of days", hint="write a whole number")
    return int(text)


def signing(parser: argparse.ArgumentParser, *, attest: bool = False) -> None:
    """Add what says who signs and who bears witness; :func:`sign_with` reads it.

    With ``attest``, also predicates from outside: :func:`attested` reads them.
    """
    flag(
        parser,
        "--key",
        metavar="FILE|URI",
        help="private key to sign with (imgforge key generate), or the URI of one elsewhere",
    )
    flag(parser, "--password-file", type=Path, metavar="FILE", help="holds the key's password")
    flag(
        parser,
        "--keyless",
        action="store_true",
        help="sign as whom an identity token names: the CI's, or a browser's log-in",
    )
    flag(
        parser,
        "--identity-token",
        type=Path,
        metavar="FILE",
        help="holds the token for --keyless (else SIGSTORE_ID_TOKEN, the CI, a browser)",
    )
    flag(
        parser,
        "--log",
        action="store_true",
        help="enter signatures into a transparency log; keyless ones always are",
    )
    flag(
        parser,
        "--timestamp",
        action="store_true",
        help="have signatures timestamped (RFC 3161); keyless ones are if an authority is known",
    )
    flag(
        parser,
        "--trust-config",
        type=Path,
        metavar="FILE",
        variable="IMGFORGE_SIGSTORE_TRUST_CONFIG",
        help="ClientTrustConfig of a private Sigstore (default: the settings', else the public)",
    )
    if attest:
        flag(
            parser,
            "--attest",
            action="append",
            metavar="TYPE=FILE",
            help="sign this JSON about the image, too, such as vuln=report.json; repeatable",
        )


def may_sign_with(given: argparse.Namespace) -> SignWith | None:
    """Return what :func:`sign_with` does; None, and nothing is loaded, if no flag is about it."""
    flags = (given.key, given.keyless, given.identity_token, given.log, given.timestamp)
    return sign_with(given) if any(flags) else None


def sign_with(given: argparse.Namespace) -> SignWith:
    """Return who signs, as the flags of :func:`signing` say; InvalidInputError if they clash."""
    from imgforge.signing import choice

    def password() -> bytes:
        from imgforge.signing import password as passwords

        return passwords.read(given.password_file)

    asked = choice.SignWith(
        key=given.key,
        password=password,
        keyless=given.keyless,
        token=given.identity_token,
        trust_config=given.trust_config,
        log=given.log,
        timestamp=given.timestamp,
    )
    choice.check(asked, offline=getattr(given, "offline", False))
    return asked


def attested(given: list[str]) -> tuple[tuple[str, Path], ...]:
    """Read ``TYPE=FILE``; return each type's URI and its file. What a build makes is refused."""
    if not given:
        return ()
    from imgforge.signing import predicate, statement

    made = {statement.SPDX, statement.CYCLONEDX, statement.PROVENANCE, statement.FINDINGS}
    found: dict[str, Path] = {}
    for text in given:
        # A URI may have an equals sign; a short name or a path seldom does.
        kind, _, file = text.rpartition("=")
        if not kind or not file:
            raise InvalidInputError(f"--attest {text!r} is malformed", hint="write TYPE=FILE")
        uri = predicate.type_of(kind)
        if uri in made:
            raise InvalidInputError(
                f"--attest {kind}: a build makes and signs that itself",
                hint="imgforge attest adds another one to a finished image",
            )
        if uri in found:
            raise InvalidInputError(f"--attest {kind} is given twice")
        found[uri] = Path(file)
    return tuple(found.items())


def image(parser: argparse.ArgumentParser, where: str) -> None:
    """Add the positional argument that names an image; ``where`` says what it may be."""
    parser.add_argument("image", nargs="?", default=".", help=f"{where} (default: built here)")


def metadata(parser: argparse.ArgumentParser) -> None:
    """Add the file that a job reads when the command is done; :func:`answer` writes it."""
    flag(
        parser,
        "--metadata-file",
        type=Path,
        metavar="FILE",
        help="also write what --format json prints into this file, at once and whole",
    )


def answer(given: argparse.Namespace, value: Mapping[str, Any], text: str) -> None:
    """Print ``value`` as JSON or ``text``, as asked, and write the metadata file if there is one.

    InvalidInputError if that cannot be written.
    """
    import json

    whole = json.dumps(value, indent=2, sort_keys=True)
    if given.metadata_file is not None:
        write(given.metadata_file, f"{whole}\n".encode())
    print(whole if given.format == "json" else text)


def output(parser: argparse.ArgumentParser, command: str) -> None:
    """Add ``-o FILE``, where ``command`` writes what it is asked for."""
    flag(
        parser,
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        variable=f"IMGFORGE_{command.upper()}_OUTPUT",
        help="write there instead of to stdout",
    )


def put(path: Path | None, data: bytes) -> None:
    """Write what a command was asked for to ``path``, or to stdout if that is None."""
    if path is not None:
        write(path, data)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write(path: Path, data: bytes) -> None:
    """Write what a command was asked for: a file in one step, anything else (a pipe) directly.

    InvalidInputError if that cannot be done; what was there before is then still there.
    """
    import tempfile

    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = path.resolve()
        fd, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=target.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            Path(name).chmod(0o644)
            Path(name).rename(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}") from error


def created(config: Mapping[str, Any]) -> int:
    """Return when an image says it was created, in seconds since 1970; 0 if it doesn't."""
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(str(config.get("created"))).timestamp())
    except ValueError:
        return 0
