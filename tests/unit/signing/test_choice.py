"""With what is signed: what contradicts itself, and what tells one signer from another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from madeservices import MadeServices, jwt, token

from imgforge.errors import InvalidInputError
from imgforge.signing import choice, generate
from imgforge.signing.choice import SignWith
from imgforge.signing.identity import IdentitySealer
from imgforge.signing.keyless import ByIdentity
from imgforge.signing.sealer import KeySealer
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner


def config(folder: Path, services: MadeServices) -> Path:
    """Write the trust configuration of a Sigstore in memory."""
    path = folder / "trust.json"
    path.write_text(json.dumps(services.config()))
    return path


@pytest.mark.parametrize(
    ("asked", "offline", "reason"),
    [
        (SignWith(key="k", keyless=True), False, "exclude each other"),
        (SignWith(log=True), False, "none is asked for"),
        (SignWith(timestamp=True), False, "none is asked for"),
        (SignWith(token=Path("t")), False, "none is asked for"),
        (SignWith(key="k", token=Path("t")), False, "is for --keyless"),
        (SignWith(keyless=True), True, "--keyless cannot be done --offline"),
        (SignWith(key="k", log=True), True, "--log cannot be done --offline"),
        (SignWith(key="k", timestamp=True), True, "--timestamp cannot be done --offline"),
    ],
)
def test_contradictions_are_refused(asked: SignWith, offline: bool, reason: str) -> None:  # noqa: FBT001
    with pytest.raises(InvalidInputError, match=reason):
        choice.check(asked, offline=offline)


@pytest.mark.parametrize(
    ("asked", "offline"),
    [(SignWith(), True), (SignWith(key="k"), True), (SignWith(keyless=True, log=True), False)],
)
def test_what_fits_is_let_through(asked: SignWith, offline: bool) -> None:  # noqa: FBT001
    choice.check(asked, offline=offline)


def test_nobody_cannot_sign() -> None:
    with pytest.raises(InvalidInputError, match="nothing says who signs"):
        choice.open_sealer(SignWith(), print)


def test_a_key_is_opened_and_known_again(tmp_path: Path) -> None:
    private, _ = generate(tmp_path / "k", b"secret")
    asked = SignWith(key=str(private), password=lambda: b"secret")
    sealer = choice.open_sealer(asked, print)
    assert isinstance(sealer, KeySealer)
    signer = choice.said(sealer)
    who = choice.stored(asked, signer)
    assert isinstance(who, ByKey)
    assert signer == {"key": who.key.fingerprint}
    with pytest.raises(InvalidInputError, match="by another key"):
        choice.stored(asked, {"key": "sha256:" + "0" * 64})
    (tmp_path / "k.pub").unlink()
    with pytest.raises(InvalidInputError, match="there is no public key"):
        choice.name(asked, None)


def test_what_is_logged_is_signed_anew_each_time(tmp_path: Path) -> None:
    private, _ = generate(tmp_path / "k", b"")
    trust = config(tmp_path, MadeServices())
    for log in (False, True):
        sealer = choice.open_sealer(SignWith(key=str(private), log=log, trust_config=trust), print)
        assert isinstance(sealer, KeySealer)
        assert isinstance(sealer.signer, KeySigner)
        assert sealer.signer.repeatable != log
        if log:
            assert sealer.signer.sign(b"x") != sealer.signer.sign(b"x")


def test_an_identity_is_opened_with_the_token_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = MadeServices()
    file = tmp_path / "token"
    file.write_text(jwt(email="dev@example.com"))
    asked = SignWith(keyless=True, token=file, trust_config=config(tmp_path, services))
    said: list[str] = []
    monkeypatch.setattr("imgforge.signing.services.Services", lambda: services)
    sealer = choice.open_sealer(asked, said.append)
    assert said == ["signing as dev@example.com of https://issuer.test"]
    assert isinstance(sealer, IdentitySealer)
    assert not services.certificates
    signer = choice.said(sealer)
    assert services.certificates == [file.read_text()]
    who = choice.stored(asked, signer)
    assert isinstance(who, ByIdentity)
    assert who == sealer.signatory()
    with pytest.raises(InvalidInputError, match="without an identity"):
        choice.stored(asked, {"key": "sha256:" + "0" * 64})


def test_a_token_that_became_too_old_is_had_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = MadeServices()
    file = tmp_path / "token"
    file.write_text(jwt(jti="first"))
    asked = SignWith(keyless=True, token=file, trust_config=config(tmp_path, services))
    monkeypatch.setattr("imgforge.signing.services.Services", lambda: services)
    sealer = choice.open_sealer(asked, lambda _: None)
    file.write_text(jwt(jti="second"))
    monkeypatch.setattr("imgforge.signing.identity_token.holds", lambda _: False)
    choice.said(sealer)
    assert services.certificates == [file.read_text()]


def test_each_choice_has_its_own_name(tmp_path: Path) -> None:
    private, _ = generate(tmp_path / "k", b"")
    other, _ = generate(tmp_path / "other", b"")
    trust = config(tmp_path, MadeServices())
    changed = tmp_path / "changed.json"
    changed.write_bytes(trust.read_bytes() + b"\n")
    keyless = SignWith(keyless=True, trust_config=trust)
    choices = [
        (SignWith(), None),
        (SignWith(key=str(private)), None),
        (SignWith(key=str(other)), None),
        (SignWith(key=str(private), log=True, trust_config=trust), None),
        (SignWith(key=str(private), timestamp=True, trust_config=trust), None),
        (SignWith(key=str(private), log=True, trust_config=changed), None),
        (keyless, None),
        (keyless, token()),
        (keyless, token(sub="eve")),
        (SignWith(keyless=True, trust_config=changed), token()),
    ]
    names = [choice.name(*each) for each in choices]
    assert len(set(names)) == len(names)
    assert names[0] == ""
    assert names == [choice.name(*each) for each in choices]


def test_a_key_alone_needs_no_trust_configuration(tmp_path: Path) -> None:
    private, _ = generate(tmp_path / "k", b"")
    assert choice.name(SignWith(key=str(private), trust_config=tmp_path / "none"), None)


def test_the_settings_name_a_private_sigstore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[sigstore]\ntrust-config = "trust.json"\n')
    monkeypatch.setenv("IMGFORGE_CONFIG", str(file))
    assert choice.trust_config(SignWith(keyless=True)) == tmp_path / "trust.json"
    given = SignWith(keyless=True, trust_config=Path("mine.json"))
    assert choice.trust_config(given) == Path("mine.json")


@pytest.mark.parametrize(
    "text", ["", "no JSON", "{}", '{"trustedRoot": {}}', '{"trustedRoot": {}, "signingConfig": {}}']
)
def test_what_is_no_trust_configuration_is_named(tmp_path: Path, text: str) -> None:
    from imgforge.signing import trust

    path = tmp_path / "trust.json"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match="is not a Sigstore trust configuration"):
        trust.load(path)
    with pytest.raises(InvalidInputError, match="cannot read the trust configuration"):
        trust.load(tmp_path / "none.json")


def test_a_trust_configuration_says_who_is_asked(tmp_path: Path) -> None:
    from imgforge.signing import trust

    services = MadeServices()
    found = trust.load(config(tmp_path, services))
    assert found.config.signing_config.get_fulcio().url == "https://fulcio.test"
    assert found.issuer == "https://issuer.test"
    assert found.log == trust.Log("https://tiles.test", 2)
    assert found.timestamps == ("https://tsa.test",)
    assert json.loads(found.root or b"") == json.loads(services.sigstore.root())


def test_a_witness_that_is_not_configured_is_missed(tmp_path: Path) -> None:
    services = MadeServices()
    path = config(tmp_path, services)
    value = json.loads(path.read_bytes())
    value["signingConfig"]["tsaUrls"] = []
    path.write_text(json.dumps(value))
    private, _ = generate(tmp_path / "k", b"")
    asked = SignWith(key=str(private), timestamp=True, trust_config=path)
    with pytest.raises(InvalidInputError, match="names no timestamp authority"):
        choice.open_sealer(asked, print)
