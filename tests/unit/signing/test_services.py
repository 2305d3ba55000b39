"""Keys in key services, each asked by its real client; the services stand on loopback.

AWS is moto's server. It signs what it is given as if it were the message, so its own signing is
told here to take a digest for what it is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keyservices
import pytest
import selfsigned
from keyservices import Service

from imgforge.errors import EvidenceError, ImgforgeError, InvalidInputError, TransientError
from imgforge.signing.key import public
from imgforge.signing.named import open_signer

KINDS = ("EC", "RSA")
GOOGLE = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k"
ALGORITHMS = {"EC": "EC_SIGN_P256_SHA256", "RSA": "RSA_SIGN_PKCS1_2048_SHA256"}


def nobody() -> bytes:
    pytest.fail("no password is wanted")


def signs(uri: str, service: Service) -> None:
    """Show that the key that ``uri`` names signs."""
    signer = open_signer(uri, nobody)
    assert signer.public_key == public(service.key)
    assert signer.public_key.verify(signer.sign(b"data" * 5000), b"data" * 5000)
    # Another key has taken its place.
    kind = "RSA" if hasattr(service.key, "key_size") and service.key.key_size > 256 else "EC"
    service.key = keyservices.make(kind)
    with pytest.raises(EvidenceError, match="not its key's"):
        signer.sign(b"data")


@pytest.fixture(params=KINDS)
def service(request: pytest.FixtureRequest) -> Service:
    return Service(keyservices.make(request.param))


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    for name in ("ADDR", "TOKEN", "NAMESPACE", "CACERT"):
        monkeypatch.delenv(f"VAULT_{name}", raising=False)
        monkeypatch.delenv(f"BAO_{name}", raising=False)
    monkeypatch.delenv("TRANSIT_SECRET_ENGINE_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with keyservices.serving(Service(keyservices.make("EC")), keyservices.vault) as made:
        monkeypatch.setenv("VAULT_ADDR", f"{made.address}/")
        monkeypatch.setenv("VAULT_TOKEN", "let-me")
        yield made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["hashivault", "openbao"])
def test_vault_signs(vault: Service, scheme: str, kind: str) -> None:
    vault.key = keyservices.make(kind)
    signs(f"{scheme}://release", vault)


def test_vault_is_found_as_its_own_tools_find_it(
    vault: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    (tmp_path / ".vault-token").write_text("let-me\n")
    assert open_signer("hashivault://release", nobody).hint
    (tmp_path / ".vault-token").unlink()
    with pytest.raises(InvalidInputError, match="who asks"):
        open_signer("hashivault://release", nobody)
    monkeypatch.setenv("BAO_TOKEN", "let-me")
    assert open_signer("hashivault://release", nobody).hint
    monkeypatch.setenv("TRANSIT_SECRET_ENGINE_PATH", "elsewhere")
    with pytest.raises(EvidenceError, match="status 404") as caught:
        open_signer("hashivault://release", nobody)
    assert "elsewhere/" in str(caught.value.hint)
    monkeypatch.setenv("VAULT_ADDR", "http://vault.example")
    with pytest.raises(InvalidInputError, match="not https"):
        open_signer("hashivault://release", nobody)
    monkeypatch.delenv("VAULT_ADDR")
    with pytest.raises(InvalidInputError, match="where the Vault"):
        open_signer("hashivault://release", nobody)
    assert vault.asked


def test_vault_behind_its_own_authority(
    vault: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, context = selfsigned.make(tmp_path)
    with keyservices.serving(Service(vault.key), keyservices.vault, context) as made:
        monkeypatch.setenv("VAULT_ADDR", made.address)
        with pytest.raises(TransientError, match="does not answer"):
            open_signer("hashivault://release", nobody)
        monkeypatch.setenv("VAULT_CACERT", str(authority))
        signs("hashivault://release", made)
    monkeypatch.setenv("VAULT_CACERT", str(tmp_path / "none"))
    with pytest.raises(InvalidInputError, match="VAULT_CACERT"):
        open_signer("hashivault://release", nobody)


@pytest.mark.parametrize(
    ("status", "said", "kind", "told"),
    [
        (403, {"errors": ["permission denied"]}, EvidenceError, "refuses"),
        (404, {"errors": []}, EvidenceError, "status 404"),
        (503, {"errors": ["Vault is sealed"]}, TransientError, "status 503"),
        (307, b"", EvidenceError, "status 307"),
        (200, b"<html>", EvidenceError, "to give"),
        (200, {"data": []}, EvidenceError, "to give"),
        (200, {"data": {}}, EvidenceError, "no public half"),
        (200, {"data": {"latest_version": 1, "keys": {"1": 7}}}, EvidenceError, "no public half"),
        (
            200,
            {"data": {"latest_version": 1, "keys": {"1": {"public_key": "AAAA"}}}},
            EvidenceError,
            "not one PEM block",
        ),
        (200, b" " * (2 << 20), EvidenceError, "too much"),
    ],
)
def test_what_vault_must_not_say(
    vault: Service,
    status: int,
    said: dict[str, Any] | bytes,
    kind: type[ImgforgeError],
    told: str,
) -> None:
    vault.instead = (status, {"Location": "http://127.0.0.1:1/"}, said)
    with pytest.raises(kind, match=told):
        open_signer("hashivault://release", nobody)


@pytest.mark.parametrize("said", [{}, {"signature": "AAAA"}, {"signature": "vault:v2:!"}])
def test_what_is_no_signature(vault: Service, said: dict[str, str]) -> None:
    signer = open_signer("hashivault://release", nobody)
    vault.instead = (200, {}, {"data": said})
    with pytest.raises(EvidenceError, match="no signature"):
        signer.sign(b"data")


def test_google_signs(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "RSA" if service.key.key_size > 256 else "EC"
    with google(service, ALGORITHMS[kind], monkeypatch):
        signs(f"{GOOGLE}/versions/7", service)
        signs(GOOGLE, service)
    assert service.asked[0][1].endswith("/cryptoKeyVersions/7")
    assert [at for what, at, _ in service.asked if what == "sign"][-1].endswith("/10")
    assert ("list", GOOGLE[9:], {"filter": "state=ENABLED"}) in service.asked


def google(service: Service, algorithm: str, patch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """Serve as Google, and have its client talk to that."""
    from contextlib import contextmanager

    from google.cloud import kms
    from google.cloud.kms_v1.services.key_management_service.transports import (
        KeyManagementServiceGrpcTransport,
    )

    @contextmanager
    def talking() -> Iterator[None]:
        with keyservices.google(service, algorithm) as channel:
            transport = KeyManagementServiceGrpcTransport(channel=channel)
            client = functools.partial(kms.KeyManagementServiceClient, transport=transport)
            patch.setattr(kms, "KeyManagementServiceClient", client)
            yield

    return talking()


def test_google_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(keyservices.make("EC"))
    with google(service, "EC_SIGN_P384_SHA384", monkeypatch):
        with pytest.raises(EvidenceError, match="EC_SIGN_P384_SHA384"):
            open_signer(f"{GOOGLE}/versions/1", nobody)
        with pytest.raises(EvidenceError, match="refuses") as caught:
            open_signer(f"{GOOGLE}2", nobody)
        assert "no such key" in caught.value.details[0]


def test_google_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(InvalidInputError, match="cannot be asked") as caught:
        open_signer(GOOGLE, nobody)
    assert "gcloud" in str(caught.value.hint)


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    import azure.identity
    import azure.keyvault.keys

    authority, context = selfsigned.make(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))

    def token(*_: Any, **__: Any) -> Any:  # noqa: ANN401
        return SimpleNamespace(token="let-me", expires_on=1 << 40)

    monkeypatch.setattr(
        azure.identity, "DefaultAzureCredential", lambda: SimpleNamespace(get_token=token)
    )
    # The real service's name is under the domain that its challenge names.
    client = functools.partial(azure.keyvault.keys.KeyClient, verify_challenge_resource=False)
    monkeypatch.setattr(azure.keyvault.keys, "KeyClient", client)
    with keyservices.serving(Service(keyservices.make("EC")), keyservices.azure, context) as made:
        yield made


@pytest.mark.parametrize("version", ["", "/v7"])
@pytest.mark.parametrize("kind", KINDS)
def test_azure_signs(azure: Service, kind: str, version: str) -> None:
    azure.key = keyservices.make(kind)
    signs(f"azurekms://{azure.address[8:]}/release{version}", azure)


def test_azure_refuses(azure: Service) -> None:
    with pytest.raises(EvidenceError, match="refuses") as caught:
        open_signer(f"azurekms://{azure.address[8:]}/other", nobody)
    assert "no such key" in caught.value.details[0]
    azure.instead = (200, {}, {"key": {"kid": "https://x/keys/a/b", "kty": "oct"}})
    with pytest.raises(EvidenceError, match="of a kind"):
        open_signer(f"azurekms://{azure.address[8:]}/release", nobody)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from moto.kms import utils
    from moto.server import ThreadedMotoServer

    def digest_signed(self: Any, message: bytes, _: str) -> bytes:  # noqa: ANN401
        assert len(message) == 32
        private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = self.private_key
        return keyservices.sign(private, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils.ECDSAPrivateKey, "sign", digest_signed)
        patch.setattr(utils.RSAPrivateKey, "sign", digest_signed)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - boto3 makes it
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    return boto3.client("kms")


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_2048"])
def test_aws_signs(aws: Any, spec: str) -> None:  # noqa: ANN401
    made = aws.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    alias = f"alias/{spec}"
    aws.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    for key in (made["KeyId"], made["Arn"], alias, made["Arn"].split("key/")[0] + alias):
        signer = open_signer(f"awskms:///{key}", nobody)
        assert signer.public_key.verify(signer.sign(b"data" * 5000), b"data" * 5000)
    assert signer.public_key.kind == ("RSA 2048" if spec == "RSA_2048" else "ECDSA P-256")


def test_aws_refuses(aws: Any) -> None:  # noqa: ANN401
    with pytest.raises(EvidenceError, match="refuses") as caught:
        open_signer("awskms:///alias/none", nobody)
    assert "NotFound" in caught.value.details[0]
    made = aws.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    with pytest.raises(EvidenceError, match="signs with none"):
        open_signer(f"awskms:///{made['KeyId']}", nobody)


def test_aws_does_not_answer(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    assert aws
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TransientError, match="does not answer"):
        open_signer("awskms://127.0.0.1:1/alias/a", nobody)


def test_aws_takes_the_region_of_an_arn_and_demands_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(InvalidInputError, match="region"):
        open_signer("awskms:///alias/a", nobody)
    with pytest.raises(InvalidInputError, match="credentials"):
        open_signer("awskms:///arn:aws:kms:eu-west-1:111122223333:alias/a", nobody)


@pytest.mark.parametrize(
    "uri",
    [
        "hashivault://",
        "hashivault://a/b",
        "hashivault://a?b",
        "hashivault://../x",
        "awskms://alias/a",
        "awskms:///",
        "awskms:///key",
        "awskms:///arn:aws:kms:eu-west-1:1:key/x",
        "awskms:///arn:aws:kms:eu-west-1:111122223333:1234abcd-12ab-34cd-56ef-1234567890ab",
        "awskms:///key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "gcpkms://projects/p",
        "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/versions/latest",
        "azurekms://v",
        "azurekms://v/k/v/x",
        "azurekms://v/../k",
    ],
)
def test_a_malformed_name_is_never_asked_for(uri: str) -> None:
    with pytest.raises(InvalidInputError, match="names no key") as caught:
        open_signer(uri, nobody)
    assert "such as" in str(caught.value.hint)
