"""Packages of the npm registry, for what distributions package late or not at all: Node.js, npm.

A version is believed because npm's registry signed it: an ECDSA signature over
``name@version:integrity`` by one of the keys in ``bases/keyrings/npm.json``
(docs.npmjs.com/about-registry-signatures). What was believed once is pinned by sha256 in the lock.
Some mirrors leave signatures out; then only ``unsigned`` in the settings lets a package in, and its
integrity hash, taken on trust from that registry, is all there is.

No registry is named here: it comes from the settings, or from npm's own configuration.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import hashlib
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from imgforge import assets, cache, process, strictjson
from imgforge.bases import fetch
from imgforge.bases.definitions import NpmPackage
from imgforge.bases.sources import without_password
from imgforge.bases.unpack import Unpacked, is_plain
from imgforge.errors import InvalidInputError, RegistryError, ToolMissingError
from imgforge.lock import Tarball
from imgforge.oci.layer import Entry

if TYPE_CHECKING:
    import httpx

MAX_METADATA = 64 << 20
"""Bytes of what a registry says about one package; npm's own has 3 MB."""

MAX_TARBALL = 512 << 20
MAX_UNPACKED = 1 << 30
MAX_ENTRIES = 100_000
_VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")
_HINT = "name it in IMGFORGE_NPM_REGISTRY or NPM_CONFIG_REGISTRY, or in [npm] of the settings"


@dataclass(frozen=True, slots=True)
class Registry:
    """Root URL without a slash at its end, and the header that logs in there (or empty)."""

    url: str
    authorization: str
    unsigned: bool


def lock(wanted: NpmPackage, architecture: str, say: Callable[[str], None]) -> Tarball | None:
    """Resolve a package to the newest version that fits, and bring its tarball into the cache.

    None if it has none for ``architecture``. Raises InvalidInputError (no registry, no version),
    RegistryError (no signature, a bad one, other bytes than announced), TransientError.
    """
    name = wanted.named(architecture)
    if name is None:
        return None
    registry = find()
    with fetch.client() as http:
        address = f"{registry.url}/{quote(name, safe='@')}"
        login = registry.authorization
        data = fetch.small(http, address, MAX_METADATA, authorization=login)
        version, dist = _newest(data, name, wanted.version)
        integrity = _announced(dist, name, version)
        keyid, signature = _signature(dist.get("signatures"), f"{name}@{version}:{integrity}")
        path = _path(dist.get("tarball"), name, registry.url)
        found = Tarball(name, version, "", 0, path, integrity, keyid, signature)
        _believe(found, registry, say)
        digest, size = _kept(http, f"{registry.url}/{path}", integrity, login)
    return dataclasses.replace(found, sha256=digest, size=size)


def demand(tarball: Tarball, path: Path) -> None:
    """Demand that the file is what npm signed under the name and version that the lock has.

    A lock can be edited; what was believed when it was made is therefore asked again.
    RegistryError if not.
    """
    with path.open("rb") as file:
        got = _integrity(hashlib.file_digest(file, "sha512").digest())
    if got != tarball.integrity:
        raise RegistryError(
            f"{tarball.name} {tarball.version} is not what npm's registry announced",
            details=[f"announced {tarball.integrity}", f"got       {got}"],
        )
    _believe(tarball, None, lambda _: None)


def _believe(tarball: Tarball, registry: Registry | None, say: Callable[[str], None]) -> None:
    """RegistryError unless a key of npm's signed, or the settings do without."""
    name = f"{tarball.name} {tarball.version}"
    message = f"{tarball.name}@{tarball.version}:{tarball.integrity}"
    if tarball.signature:
        if not _holds(tarball.keyid, tarball.signature, message):
            raise RegistryError(f"{name} has no valid signature by a key of npm's")
        return
    registry = registry or find()
    if not registry.unsigned:
        raise RegistryError(
            f"{without_password(registry.url)} gives no signature of {name}",
            hint="use a registry that passes npm's signatures on, or accept this one's word "
            "with IMGFORGE_NPM_UNSIGNED=1 or unsigned = true in [npm] of the settings",
        )
    say(f"warning: {name} is taken without npm's signature")


def _integrity(digest: bytes) -> str:
    return "sha512-" + base64.b64encode(digest).decode()


def _kept(http: httpx.Client, url: str, integrity: str, login: str) -> tuple[str, int]:
    """Return sha256 and size of a tarball, downloaded unless the cache has had it before."""
    sha512 = base64.b64decode(integrity.removeprefix("sha512-")).hex()
    note = cache.directory("npm") / sha512
    if cache.used(note):
        digest, _, size = note.read_text().partition(" ")
        if size.isdecimal() and fetch.cached(digest) is not None:
            return digest, int(size)
    digest, size_ = fetch.sealed(http, url, sha512, MAX_TARBALL, authorization=login)
    cache.write(note, f"{digest} {size_}".encode())
    return digest, size_


def wanted(tarball: Tarball) -> fetch.Wanted:
    """Return what to download for a locked tarball."""
    registry = find()
    return fetch.Wanted(
        (f"{registry.url}/{tarball.path}",),
        tarball.sha256,
        tarball.size,
        authorization=registry.authorization,
    )


def entries(wanted: NpmPackage, path: Path, place: str) -> Iterator[Entry]:
    """Read the wanted paths out of a tarball; RegistryError, naming ``place``, if it lacks one."""
    missing = set(wanted.paths)
    try:
        with path.open("rb") as file:
            unpacked = Unpacked(file, "gz", MAX_UNPACKED)
            with unpacked.tar() as tar:
                for count, member in enumerate(tar):
                    if count > MAX_ENTRIES:
                        raise ValueError(f"over {MAX_ENTRIES} entries")  # noqa: TRY301 - one place
                    source, target = _mapped(member, wanted.paths)
                    if source:
                        missing.discard(source)
                        reader = tar.extractfile(member)
                        mode = 0o755 if member.mode & 0o100 else 0o644
                        yield Entry(target, mode, data=reader.read() if reader else b"")
            unpacked.drain()
    except (tarfile.TarError, zlib.error, ValueError, EOFError, OverflowError) as error:
        raise RegistryError(f"{place} is malformed: {error}") from error
    if missing:
        raise RegistryError(f"{place} lacks {', '.join(sorted(missing))}")


def _mapped(member: tarfile.TarInfo, paths: Mapping[str, str]) -> tuple[str, str]:
    """Return which wanted path a member belongs to, and its own place; empty if to none."""
    if member.isdir():
        return "", ""
    name = member.name
    if not is_plain(member) or ".." in name.split("/") or name.startswith("/") or "\0" in name:
        raise ValueError(f"holds {name[:100]!r}, which is no plain file inside it")
    # The folder at the top has any name (npm itself says package).
    inside = name.partition("/")[2]
    for source, target in paths.items():
        if inside == source:
            return source, target
        if inside.startswith(source + "/"):
            return source, target + inside.removeprefix(source)
    return "", ""


def _newest(data: bytes, name: str, beginning: str) -> tuple[str, dict[str, Any]]:
    try:
        versions = strictjson.load_object(data).get("versions")
    except ValueError as error:
        raise RegistryError(f"what the npm registry says of {name}: {error}") from error
    if not isinstance(versions, dict):
        raise RegistryError(f"the npm registry lists no versions of {name}")
    fitting = [
        v
        for v, about in versions.items()
        if _VERSION.fullmatch(v)
        and f"{v}.".startswith(f"{beginning}.")
        and isinstance(about, dict)
        and isinstance(about.get("dist"), dict)
    ]
    if not fitting:
        raise InvalidInputError(f"the npm registry has no version {beginning} of {name}")
    newest = max(fitting, key=lambda v: [int(part) for part in v.split(".")])
    return newest, versions[newest]["dist"]


def _announced(dist: Mapping[str, Any], name: str, version: str) -> str:
    integrity = dist.get("integrity")
    if not isinstance(integrity, str) or not re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", integrity):
        raise RegistryError(f"the npm registry announces no sha512 of {name} {version}")
    return integrity


def _signature(signatures: object, message: str) -> tuple[str, str]:
    """Return key and signature that hold; the last there is if none does; empty if there is none.

    One that does not hold is not the same as none, and is refused by whoever asks.
    """
    last = ("", "")
    if signatures and not isinstance(signatures, list):
        return "?", "?"
    for signature in signatures if isinstance(signatures, list) else []:
        pair = (signature.get("keyid"), signature.get("sig")) if isinstance(signature, dict) else ()
        if len(pair) != 2 or not all(isinstance(p, str) and p.isprintable() and p for p in pair):  # noqa: PLR2004 - key and signature
            last = ("?", "?")
            continue
        last = (str(pair[0]), str(pair[1]))
        if _holds(*last, message):
            return last
    return last


def _holds(keyid: str, signature: str, message: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if keyid not in keys():
        return False
    key = load_der_public_key(keys()[keyid])
    if not isinstance(key, EllipticCurvePublicKey):
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), message.encode(), ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error):
        return False
    return True


@functools.cache
def keys() -> Mapping[str, bytes]:
    """Return npm's signing keys (DER) by their ids, as they ship with imgforge."""
    path = assets.folder("bases") / "keyrings" / "npm.json"
    value = json.loads(path.read_bytes())
    return {key["keyid"]: base64.b64decode(key["key"]) for key in value["keys"]}


def _path(url: object, name: str, root: str) -> str:
    """Return where a tarball lies below the registry's root, wherever the registry says it does.

    Mirrors often pass on the address of the registry that they mirror; the layout is the same.
    """
    text = url if isinstance(url, str) else ""
    whole = unquote(urlsplit(text).path).lstrip("/")
    at = whole.find(f"{name}/-/")
    path = whole[at:] if at >= 0 else unquote(text.removeprefix(root + "/"))
    if "://" in path or not re.fullmatch(r"[A-Za-z0-9@._+~/-]+", path) or ".." in path.split("/"):
        raise RegistryError(f"the npm registry keeps {name} at {text[:100]!r}")
    return path


def find(environ: Mapping[str, str] | None = None) -> Registry:
    """Find the registry; InvalidInputError with a hint if there is none."""
    from imgforge import settings

    environ = os.environ if environ is None else environ
    npm = settings.load(environ).npm
    files = [_npmrc(path) for path in _npmrc_files(environ)]
    named = (
        environ.get("IMGFORGE_NPM_REGISTRY"),
        environ.get("NPM_CONFIG_REGISTRY"),
        environ.get("npm_config_registry"),
        npm.registry,
        *(file.get("registry") for file in files),
    )
    url = next((n for n in named if n), None) or _asked()
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
        raise InvalidInputError("no npm registry is known", hint=_HINT)
    url = url.rstrip("/")
    unsigned = environ.get("IMGFORGE_NPM_UNSIGNED", "1" if npm.unsigned else "0")
    return Registry(url, _authorization(url, files), unsigned == "1")


def _asked() -> str:
    """Ask npm, if it is there: it knows its configuration and its own default."""
    try:
        done = process.run(["npm", "config", "get", "registry"], check=False, timeout=30)
    except ToolMissingError:
        return ""
    return done.stdout.decode(errors="replace").strip()


def _npmrc_files(environ: Mapping[str, str]) -> Iterator[Path]:
    named = environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig")
    home = environ.get("HOME")
    if named or home:
        yield Path(named) if named else Path(str(home), ".npmrc")
    yield Path("/etc/npmrc")


def _npmrc(path: Path) -> dict[str, str]:
    """Read ``key = value`` lines (docs.npmjs.com, npmrc); ``${NAME}`` stands for a variable."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith((";", "#")):
            plain = value.strip().strip("\"'")
            found[key.strip()] = re.sub(r"\$\{(\w+)\}", lambda m: os.environ.get(m[1], m[0]), plain)
    return found


def _authorization(url: str, files: Sequence[Mapping[str, str]]) -> str:
    """Return the header for the registry: keys are its address without scheme, ``//host/path/``."""
    from imgforge.oci.origin import is_loopback

    host = urlsplit(url).hostname or ""
    if not url.startswith("https://") and not is_loopback(host):
        return ""  # a token never goes over the wire in the clear
    place = "//" + url.partition("://")[2] + "/"
    for file in files:
        if token := file.get(f"{place}:_authToken"):
            return f"Bearer {token}"
        if basic := file.get(f"{place}:_auth"):
            return f"Basic {basic}"
    return ""
