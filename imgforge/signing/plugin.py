"""Keys of any other kind, by Sigstore's plugins: ``NAME://...`` is ``sigstore-kms-NAME``'s.

The program gets a protocol version and JSON as arguments, the bytes to sign on stdin, and answers
with JSON on stdout; its exit code says nothing (github.com/sigstore/sigstore,
``pkg/signature/kms/cliplugin``, protocol v1). It sees our whole environment: that is where
plugins find their credentials.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

from imgforge import process, strictjson
from imgforge.errors import BuildFailedError, EvidenceError, ToolMissingError, TransientError
from imgforge.oci.types import canonical_json
from imgforge.signing import remote
from imgforge.signing.key import PublicKey, decode64
from imgforge.signing.remote import RemoteSigner

PREFIX = "sigstore-kms-"
_VERSION = "v1"
_SHA256 = 5
"""Go's number of crypto.SHA256, by which the protocol names hashes."""
_SECONDS = 120
_MAX_ANSWER = 1 << 20


def open_key(uri: str, password: Callable[[], bytes]) -> RemoteSigner:  # noqa: ARG001 - OpenKey
    """Ask the plugin for the key's public half; errors as :func:`.remote.open_key`."""
    name, _, resource = uri.partition("://")
    program = shutil.which(PREFIX + name)
    if program is None:
        known = ", ".join(f"{s}:" if s == "pkcs11" else f"{s}://" for s in remote.STORES)
        raise ToolMissingError(
            f"no plugin opens {uri!a}: there is no program {PREFIX}{name}",
            hint=f"keys are files, {known}, or what a plugin of Sigstore's in PATH opens",
        )
    options: dict[str, Any] = {"rpcOptions": {}}

    def ask(method: str, arguments: dict[str, Any], data: bytes, field: str) -> bytes:
        call = {
            "initOptions": {
                "protocolVersion": _VERSION,
                "keyResourceID": resource,
                "hashFunc": _SHA256,
                "rpcOptions": {},
            },
            "methodName": method,
            method: arguments,
        }
        return _answer(uri, program, canonical_json(call).decode(), data, (method, field))

    pem = ask("publicKey", {"publicKeyOptions": options}, b"", "publicKeyPEM")

    def sign(data: bytes) -> bytes:
        chosen = {**options, "messageOptions": {"hashFunc": _SHA256}}
        return ask("signMessage", {"signOptions": chosen}, data, "signature")

    return RemoteSigner(uri, PublicKey.from_pem(pem, f"the key of {uri}"), sign)


def _answer(uri: str, program: str, call: str, data: bytes, place: tuple[str, str]) -> bytes:
    try:
        done = process.run(
            [program, _VERSION, call],
            env=dict(os.environ),
            input=data,
            timeout=_SECONDS,
            check=False,
        )
    except BuildFailedError as error:  # its only cause without check: time ran out
        raise TransientError(f"the plugin of {uri} does not answer: {error}") from error
    method, field = place
    said = tuple(done.stderr.decode(errors="replace").splitlines()[-process.TAIL :])
    try:
        if len(done.stdout) > _MAX_ANSWER:
            raise ValueError(f"over {_MAX_ANSWER} bytes")  # noqa: TRY301 - one error
        answer = strictjson.load_object(done.stdout)
        refused = answer.get("errorMessage")
        value = answer.get(method)
        if not refused:
            return decode64(value.get(field) if isinstance(value, dict) else None)
    except ValueError as error:
        raise EvidenceError(
            f"the plugin of {uri} answers {method} with what is no answer: {error}", details=said
        ) from error
    raise EvidenceError(f"the plugin of {uri} refuses {method}: {refused!a}", details=said)
