"""Keys on a token that speaks PKCS #11: a hardware module, a smart card, SoftHSM.

Through python-pkcs11. The token signs a digest that we make: by CKM_ECDSA, or CKM_RSA_PKCS over
the DigestInfo (RFC 8017, 9.2), which tokens offer that hash nothing themselves. A PIN that was
refused is never tried again: tokens lock.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imgforge.errors import EvidenceError, InvalidInputError, ToolMissingError
from imgforge.signing import remote
from imgforge.signing.key import PublicKey
from imgforge.signing.pkcs11uri import Pkcs11Uri
from imgforge.signing.remote import RemoteSigner

if TYPE_CHECKING:
    import pkcs11

PIN = "COSIGN_PKCS11_PIN"
"""The PIN where the URI has none; without either it is asked for as any password."""

_P256 = bytes.fromhex("06082a8648ce3d030107")
"""EC_PARAMS of P-256: the DER of its object identifier (SEC 2, 2.4.2)."""
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest that RSA signs (RFC 8017, 9.2, note 1)."""
_ID_SIZE = 8


class _Pin:
    """The PIN, asked for once and only when it is needed."""

    def __init__(self, uri: Pkcs11Uri, password: Callable[[], bytes]) -> None:
        self._value = uri.pin or os.environ.get(PIN)
        self._password = password

    def get(self) -> str:
        if self._value is None:
            try:
                self._value = self._password().decode()
            except UnicodeDecodeError as error:
                raise InvalidInputError("the PIN is not UTF-8") from error
        return self._value


def open_key(uri: str, password: Callable[[], bytes]) -> RemoteSigner:
    """Find the key's public half on its token; errors as :func:`.remote.open_key`.

    That takes a PIN only where the token shows even public keys to nobody else.
    """
    wanted, where = Pkcs11Uri.parse(uri), remote.shown(uri)
    pin = _Pin(wanted, password)
    with _explained(where):
        token = _token(wanted)
        with token.open() as session:
            public = _public(session, wanted, where)
        if public is None:
            with _logged_in(token, pin) as session:
                public = _public(session, wanted, where)
    if public is None:
        raise EvidenceError(
            f"the token has no public key or certificate for {where}",
            hint="pkcs11-tool --list-objects shows what it has",
        )

    def ask(data: bytes) -> bytes:
        with _explained(where), _logged_in(_token(wanted), pin) as session:
            return _sign(session, wanted, pin, data)

    return RemoteSigner(where, public, ask)


def generate(uri: str, password: Callable[[], bytes]) -> PublicKey:
    """Make a P-256 key pair on the token and return its public half.

    The private half is made there and cannot leave. InvalidInputError if a key of this label or
    id is there already; else errors as :func:`open_key`.
    """
    import_library()
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    wanted, where = Pkcs11Uri.parse(uri), remote.shown(uri)
    pin = _Pin(wanted, password)
    with _explained(where), _logged_in(_token(wanted), pin, rw=True) as session:
        for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY):
            if _found(session, kind, wanted):
                raise InvalidInputError(
                    f"{where} exists and keys are never overwritten",
                    hint="choose another object= or id=, or remove the old key",
                )
        domain = session.create_domain_parameters(
            pkcs11.KeyType.EC,
            {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        domain.generate_keypair(
            id=wanted.id or secrets.token_bytes(_ID_SIZE),
            label=wanted.label,
            store=True,
            capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
            private_template={
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
            },
        )
        public = _public(session, wanted, where)
    if public is None:
        raise EvidenceError(f"the token does not show the key {where} that it has just made")
    return public


def import_library() -> None:
    """ToolMissingError if python-pkcs11 is not installed."""
    try:
        import pkcs11  # noqa: F401
    except ImportError as error:
        raise remote.extra_missing("PKCS #11", "pkcs11") from error


def _token(wanted: Pkcs11Uri) -> pkcs11.Token:
    import_library()
    import pkcs11
    from pkcs11.exceptions import PKCS11Error

    if not wanted.module.is_file():
        raise ToolMissingError(
            f"there is no PKCS #11 module {wanted.module}",
            hint="install the token's driver, such as softhsm2, opensc-pkcs11 or ykcs11",
        )
    try:
        library = pkcs11.lib(str(wanted.module))
    except (PKCS11Error, RuntimeError) as error:
        raise ToolMissingError(
            f"{wanted.module} cannot be used as a PKCS #11 module: {_said(error)}"
        ) from error
    ready = [
        token
        for token in library.get_tokens()
        if token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED
        and (wanted.slot is None or token.slot.slot_id == wanted.slot)
    ]
    found = [token for token in ready if _is(token, wanted)]
    if len(found) != 1:
        there = ", ".join(repr(token.label) for token in ready) or "none"
        raise EvidenceError(
            f"{len(found) or 'no'} tokens of {wanted.module.name} fit the URI, where one must",
            hint=f"tokens there: {there}; is it plugged in?",
        )
    return found[0]


def _is(token: pkcs11.Token, wanted: Pkcs11Uri) -> bool:
    has = {
        "token": token.label,
        "serial": token.serial.decode(errors="replace").strip(),
        "manufacturer": token.manufacturer_id,
        "model": token.model,
    }
    return all(has[name] == value for name, value in wanted.token.items())


@contextmanager
def _logged_in(token: pkcs11.Token, pin: _Pin, *, rw: bool = False) -> Iterator[pkcs11.Session]:
    import pkcs11

    flags = token.flags
    if flags & pkcs11.TokenFlag.USER_PIN_LOCKED:
        raise _locked(token.label)
    given: object = None
    if flags & pkcs11.TokenFlag.PROTECTED_AUTHENTICATION_PATH:
        given = pkcs11.types.PROTECTED_AUTH
    elif flags & pkcs11.TokenFlag.LOGIN_REQUIRED:
        given = pin.get()
    with token.open(rw=rw, user_pin=given) as session:
        yield session


def _found(session: pkcs11.Session, kind: Any, wanted: Pkcs11Uri) -> list[pkcs11.Object]:  # noqa: ANN401 - its enumeration is not typed
    import pkcs11

    attributes: dict[Any, Any] = {pkcs11.Attribute.CLASS: kind}
    if wanted.label is not None:
        attributes[pkcs11.Attribute.LABEL] = wanted.label
    if wanted.id is not None:
        attributes[pkcs11.Attribute.ID] = wanted.id
    return list(session.get_objects(attributes))


def _public(session: pkcs11.Session, wanted: Pkcs11Uri, where: str) -> PublicKey | None:
    import pkcs11
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    attribute = pkcs11.Attribute
    keys = _found(session, pkcs11.ObjectClass.PUBLIC_KEY, wanted)
    found: list[PublicKey] = []
    try:
        for key in keys:
            if key[attribute.KEY_TYPE] == pkcs11.KeyType.RSA:
                numbers = rsa.RSAPublicNumbers(
                    int.from_bytes(key[attribute.PUBLIC_EXPONENT]),
                    int.from_bytes(key[attribute.MODULUS]),
                )
                found.append(PublicKey.of(numbers.public_key(), where))
            elif key[attribute.KEY_TYPE] == pkcs11.KeyType.EC and key[attribute.EC_PARAMS] == _P256:
                point = _octets(key[attribute.EC_POINT])
                curve = ec.SECP256R1()
                made = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
                found.append(PublicKey.of(made, where))
            else:
                raise EvidenceError(
                    f"{where} is of a kind that imgforge does not accept",
                    hint="use ECDSA on P-256 or RSA of 2048 bits or more",
                )
        if not keys:
            for held in _found(session, pkcs11.ObjectClass.CERTIFICATE, wanted):
                certificate = x509.load_der_x509_certificate(held[attribute.VALUE])
                found.append(PublicKey.of(certificate.public_key(), where))
    except ValueError as error:
        raise EvidenceError(f"the token's public key for {where} cannot be read") from error
    if len(set(found)) > 1:
        raise EvidenceError(
            f"{len(found)} keys of the token fit {where}", hint="name one by id= or object="
        )
    return found[0] if found else None


def _octets(point: bytes) -> bytes:
    # An EC point is a DER OCTET STRING; some tokens leave its header out (PKCS #11 2.20, 12.3.3).
    return point[2:] if point[:2] == bytes((4, len(point) - 2)) else point


def _sign(session: pkcs11.Session, wanted: Pkcs11Uri, pin: _Pin, data: bytes) -> bytes:
    import pkcs11
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    found = _found(session, pkcs11.ObjectClass.PRIVATE_KEY, wanted)
    if len(found) != 1:
        raise EvidenceError(
            f"{len(found) or 'no'} private keys of the token fit the URI, where one must",
            hint="name it by id= or object=; pkcs11-tool --login --list-objects shows them",
        )
    key: Any = found[0]
    again = {"pin": pin.get()} if key[pkcs11.Attribute.ALWAYS_AUTHENTICATE] else {}
    digest = hashlib.sha256(data).digest()
    if key.key_type == pkcs11.KeyType.RSA:
        mechanism = pkcs11.Mechanism.RSA_PKCS
        return bytes(key.sign(_DIGEST_INFO + digest, mechanism=mechanism, **again))
    raw = bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA, **again))
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn what the token answers into our errors."""
    import_library()
    from pkcs11 import exceptions

    try:
        yield
    except (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange) as error:
        raise EvidenceError(
            f"the token refuses this PIN for {where}",
            hint="set IMGFORGE_KEY_PASSWORD or --password-file to the PIN; tokens lock after a few "
            "wrong ones",
        ) from error
    except exceptions.PinLocked as error:
        raise _locked(where) from error
    except (exceptions.DeviceRemoved, exceptions.TokenNotPresent) as error:
        raise EvidenceError(f"the token of {where} was removed") from error
    except exceptions.PKCS11Error as error:
        raise EvidenceError(f"the token fails for {where}: {_said(error)}") from error


def _locked(what: str) -> EvidenceError:
    return EvidenceError(
        f"the PIN of the token {what} is locked",
        hint="unlock it with its security officer's PIN (or PUK) and its own tools",
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
