"""With what is signed: the choice that command lines and pipelines pass on, and how it is opened.

Nothing that signing needs is loaded before something is to be signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imgforge.errors import InvalidInputError
from imgforge.files import public_path
from imgforge.oci.types import canonical_json, sha256

if TYPE_CHECKING:
    from imgforge.signing.identity_token import Token
    from imgforge.signing.key import PublicKey
    from imgforge.signing.sealer import Sealer, Witnessed
    from imgforge.signing.signatory import Signatory

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SignWith:
    """A key (a path or URI), an identity (``keyless``), or neither: then nothing is signed.

    ``password`` is asked for a key that has one. ``token`` is a file with an identity token,
    ``trust_config`` a Sigstore's ClientTrustConfig (None: the public Sigstore). ``log`` and
    ``timestamp`` say whose word is wanted beside the signature; keyless, a log's always is.
    """

    key: str | None = None
    password: Callable[[], bytes] = field(default=bytes, repr=False)
    keyless: bool = False
    token: Path | None = None
    trust_config: Path | None = None
    log: bool = False
    timestamp: bool = False

    @property
    def anything(self) -> bool:
        """Whether anything is to be signed."""
        return self.key is not None or self.keyless

    @property
    def asks(self) -> bool:
        """Whether services over the network are asked."""
        return self.keyless or self.log or self.timestamp


def check(asked: SignWith, *, offline: bool = False) -> None:
    """Raise InvalidInputError if the choice contradicts itself, or the network is forbidden."""
    if asked.key is not None and asked.keyless:
        raise InvalidInputError("--key and --keyless exclude each other: one signs, or the other")
    if not asked.anything and (asked.log or asked.timestamp or asked.token is not None):
        raise InvalidInputError(
            "--log, --timestamp and --identity-token are about a signature, and none is asked for",
            hint="give --key FILE or --keyless",
        )
    if asked.token is not None and not asked.keyless:
        raise InvalidInputError("--identity-token is for --keyless; a key needs none")
    if offline and asked.asks:
        what = "--keyless" if asked.keyless else "--log" if asked.log else "--timestamp"
        raise InvalidInputError(
            f"{what} cannot be done --offline: it asks services of a Sigstore",
            hint="sign with --key offline; imgforge log enters that into a log later",
        )


def open_sealer(asked: SignWith, say: Say) -> Sealer:
    """Open what ``asked`` names and return the sealer.

    Keyless, the token is had now, so that what is missing is said before any work is done, and
    the certificate when the first statement is sealed. Raises InvalidInputError, EvidenceError,
    ToolMissingError, TransientError.
    """
    return begin(asked, say)()


def begin(asked: SignWith, say: Say, *, token: Token | None = None) -> Callable[[], Sealer]:
    """Begin to open a sealer, and return how to wait for it: keys and imports take their time.

    People are asked for passwords and log-ins before this returns. ``token`` is one that was had
    already. Errors as :func:`open_sealer`, here or from what is returned.
    """
    check(asked)
    if asked.key is not None:
        return _begin_key(asked, asked.key)
    if asked.keyless:
        return _begin_identity(asked, say, token)
    raise InvalidInputError("nothing says who signs", hint="give --key FILE or --keyless")


def open_witnessed(asked: SignWith, public: PublicKey) -> Witnessed:
    """Return how bundles of ``public`` get the words of the witnesses that are asked for.

    InvalidInputError if the trust configuration has none of them; errors as :func:`.trust.load`.
    """
    from imgforge.signing import trust
    from imgforge.signing.sealer import Witnessed, Witnessing
    from imgforge.signing.services import Services

    found = trust.load(trust_config(asked))
    if asked.log and found.log is None:
        raise InvalidInputError("the trust configuration names no transparency log")
    if asked.timestamp and not found.timestamps:
        raise InvalidInputError("the trust configuration names no timestamp authority")
    log = found.log if asked.log else None
    stamps = found.timestamps if asked.timestamp else ()
    return Witnessed(public, found, Witnessing(Services(), log, stamps))


def name(asked: SignWith, token: Token | None) -> str:
    """Return what tells one choice of signer from another, for the key of a build; or empty.

    ``token`` is what could be had without asking a person; without one, the identity is whoever
    logs in, and only the stored build says who that was.
    """
    if not asked.anything:
        return ""
    from imgforge.signing import trust

    return sha256(
        canonical_json(
            {
                "key": public_key(asked, asked.key).fingerprint if asked.key is not None else "",
                "who": "" if token is None else token.who,
                "keyless": asked.keyless,
                "log": asked.log,
                "timestamp": asked.timestamp,
                "trust": trust.name(trust_config(asked)) if asked.asks else "",
            }
        )
    )


def available(asked: SignWith) -> Token | None:
    """Return the identity token that is there without asking anybody; errors as the token's."""
    if not asked.keyless:
        return None
    from imgforge.signing import identity_token as token

    return token.without_asking(asked.token)


def stored(asked: SignWith, signer: Mapping[str, str]) -> Signatory:
    """Return whom a stored build's ``signer`` (:func:`said`) names, under the present root.

    InvalidInputError if it was signed in another way than what is asked for now.
    """
    from imgforge.signing import trust
    from imgforge.signing.proof import Witnesses
    from imgforge.signing.signatory import ByKey

    witnessed = asked.log or asked.timestamp
    root = trust.root_of(trust_config(asked)) if witnessed or asked.keyless else None
    if asked.key is not None:
        public = public_key(asked, asked.key)
        if signer.get("key") != public.fingerprint:
            raise InvalidInputError("it was signed by another key")
        if not witnessed:
            return ByKey(public)
        witnesses = Witnesses(log=asked.log, timestamp=asked.timestamp)
        return ByKey(public, witnesses=witnesses, root=root)
    from imgforge.signing.identity import exactly

    if not signer.get("identity") or not signer.get("issuer"):
        raise InvalidInputError("it was signed without an identity")
    return exactly(signer["identity"], signer["issuer"], root, timestamp=asked.timestamp)


def said(sealer: Sealer) -> dict[str, str]:
    """Return who ``sealer`` is, as a build's record keeps it: a key, or identity and issuer."""
    from imgforge.signing.identity import IdentitySealer
    from imgforge.signing.sealer import KeySealer

    if isinstance(sealer, IdentitySealer):
        own = sealer.certified()
        return {"identity": own.identity, "issuer": own.issuer}
    if isinstance(sealer, KeySealer):
        return {"key": sealer.signer.public_key.fingerprint}
    raise TypeError(f"a sealer of an unknown kind: {type(sealer).__name__}")


def trust_config(asked: SignWith) -> Path | None:
    """Return the file of the Sigstore that is meant: asked for, else the settings', else none."""
    if asked.trust_config is not None:
        return asked.trust_config
    from imgforge import settings

    named = settings.load().sigstore.trust_config
    return None if named is None else Path(named)


def public_key(asked: SignWith, key: str) -> PublicKey:
    """Return the public half of ``key``; for a file, the one that lies beside it.

    InvalidInputError if it does not.
    """
    from imgforge.signing import remote
    from imgforge.signing.key import load_public

    if remote.scheme(key) is not None:
        return remote.open_key(key, asked.password).public_key
    public = public_path(Path(key))
    if not public.is_file():
        raise InvalidInputError(
            f"there is no public key {public}",
            hint="it belongs beside the private key; imgforge key public writes it",
        )
    return load_public(public)


def _begin_key(asked: SignWith, key: str) -> Callable[[], Sealer]:
    from imgforge.signing import remote
    from imgforge.signing.named import open_signer
    from imgforge.signing.signer import KeySigner

    password = asked.password
    if remote.scheme(key) is None:
        given = password()  # a person is asked before the work starts
        password = partial(bytes, given)

    def opened() -> Sealer:
        from imgforge.signing.sealer import KeySealer

        signer = open_signer(key, password)
        if not asked.log and not asked.timestamp:
            return KeySealer(signer)
        if asked.log and isinstance(signer, KeySigner):
            # A log takes no signature twice, and one that was logged may never have been attached.
            signer = replace(signer, repeatable=False)
        return KeySealer(signer, open_witnessed(asked, signer.public_key))

    return _started(opened)


def _begin_identity(asked: SignWith, say: Say, known: Token | None) -> Callable[[], Sealer]:
    from imgforge.signing import identity_token as token
    from imgforge.signing import trust

    had = known or token.without_asking(asked.token)
    loading = _started(lambda: trust.load(trust_config(asked)))
    if had is None:
        had = token.ask(lambda: loading().issuer, say)
    say(f"signing as {had}")
    unused = [had]

    def tokens() -> Token:
        if unused and token.holds(unused[-1]):
            return unused.pop()
        unused.clear()
        return token.without_asking(asked.token) or token.ask(lambda: loading().issuer, say)

    def opened() -> Sealer:
        from imgforge.signing.identity import IdentitySealer
        from imgforge.signing.services import Services

        return IdentitySealer(loading(), Services(), tokens, timestamp=asked.timestamp)

    return _started(opened)


def _started(work: Callable[[], T]) -> Callable[[], T]:
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future.result
