"""Keyless signing and witnesses, with a real Sigstore, and the real cosign as judge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tiny
from livesigstore import LiveSigstore
from running import imgforge, run, tool

from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import Descriptor, sha256
from imgforge.signing import choice, dsse, key, statement, trust
from imgforge.signing.choice import SignWith
from imgforge.signing.identity import IdentitySealer
from imgforge.signing.sealer import seal_all, verifier_of_key
from imgforge.signing.services import Services
from imgforge.signing.signer import KeySigner

WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
VULN = {
    "scanner": {"uri": "https://example.com/scanner", "version": "1", "result": {"found": []}},
    "metadata": {
        "scanStartedOn": "2026-11-28T00:00:00Z",
        "scanFinishedOn": "2026-11-28T00:00:00Z",
    },
}
Judge = Callable[..., str]


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path, sigstore: LiveSigstore, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a layout of two platforms and a predicate, in this Sigstore."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("IMGFORGE_SIGSTORE_TRUST_CONFIG", str(sigstore.trust_config))
    layout = Layout.create(tmp_path / "layout")
    salt = str(tmp_path).encode()
    layout.write_index([tiny.index(layout, *(tiny.image(layout, a, salt) for a in ARCHITECTURES))])
    (tmp_path / "vuln.json").write_text(json.dumps(VULN))
    return tmp_path


ARCHITECTURES = ("amd64", "arm64")


@pytest.fixture
def image(folder: Path, both_registries: str) -> str:
    """Return the tag of the index, pushed to a repository of this test's own."""
    layout = Layout.open(folder / "layout")
    (top,) = layout.index()
    name = f"{both_registries}/keyless/{sha256(str(folder).encode())[7:19]}"
    with Registry(Reference.parse(name)) as registry:
        registry.put_image(layout, top)
        registry.put_manifest("1", layout.read(top), top.media_type)
    return f"{name}:1"


@pytest.fixture
def cosign(folder: Path, sigstore: LiveSigstore) -> Judge:
    """Return a function that runs cosign with this Sigstore's root; it fails if cosign does."""

    def judge(*arguments: str, code: int = 0) -> str:
        root = ("--trusted-root", str(sigstore.trusted_root))
        done = run(
            tool("cosign"), arguments[0], *root, *arguments[1:], cwd=folder, code=None,
            env={"HOME": str(folder), "COSIGN_PASSWORD": "secret"},
        )  # fmt: skip
        assert bool(done.returncode) == bool(code), done.stderr
        return done.stdout + done.stderr

    return judge


def by(identity: str, issuer: str) -> tuple[str, ...]:
    return ("--certificate-identity", identity, "--certificate-oidc-issuer", issuer)


def dev(sigstore: LiveSigstore) -> Mapping[str, str]:
    return {"SIGSTORE_ID_TOKEN": sigstore.token(email="dev@example.com")}


def test_cosign_accepts_what_a_github_job_signs(
    folder: Path, sigstore: LiveSigstore, image: str, cosign: Judge
) -> None:
    env = sigstore.github_env(repository="acme/app")
    done = imgforge("sign", "--keyless", image, "--format", "json", cwd=folder, env=env)
    (answer,) = json.loads(done.stdout)
    assert answer["signer"] == f"{WORKFLOW} of {sigstore.github_issuer}"
    assert "about to sign" in done.stderr
    assert "linux/amd64, linux/arm64" in done.stderr
    who = by(WORKFLOW, sigstore.github_issuer)
    repository = image.rpartition(":")[0]
    digests = [each["digest"] for each in answer["attached"]]
    assert len(digests) == 3
    for name in (image, *(f"{repository}@{digest}" for digest in digests)):
        cosign("verify", *who, name)
    cosign("verify", *by(WORKFLOW, sigstore.issuer), image, code=1)
    cosign("verify", *by("dev@example.com", sigstore.issuer), image, code=1)
    attest = ("attest", "--keyless", image, "--type", "vuln", "--predicate", "vuln.json")
    imgforge(*attest, cwd=folder, env=env)
    cosign("verify-attestation", "--type", "vuln", *who, image)
    again = imgforge(*attest, "--format", "json", cwd=folder, env=env)
    assert not any(each["added"] for each in json.loads(again.stdout)["attached"])


def test_cosign_accepts_keys_with_witnesses_and_misses_them_without(
    folder: Path, image: str, cosign: Judge
) -> None:
    env = {"IMGFORGE_KEY_PASSWORD": "secret"}
    imgforge("key", "generate", "k", cwd=folder, env=env)
    key = ("--key", "k.pub")
    imgforge("sign", "--key", "k.key", image, cwd=folder, env=env)
    cosign("verify", *key, "--insecure-ignore-tlog", image)
    assert "not enough verified log entries" in cosign("verify", *key, image, code=1)
    imgforge("log", "--key", "k.pub", image, cwd=folder)
    cosign("verify", *key, image)
    cosign("verify", *key, "--use-signed-timestamps", image, code=1)
    imgforge("log", "--key", "k.pub", "--timestamp", image, cwd=folder)
    cosign("verify", *key, "--use-signed-timestamps", image)
    again = imgforge("log", "--key", "k.pub", "--timestamp", image, "--format", "json", cwd=folder)
    assert not any(each["added"] for each in json.loads(again.stdout)["attached"])


def test_keys_are_witnessed_at_once_when_asked(folder: Path, image: str, cosign: Judge) -> None:
    env = {"IMGFORGE_KEY_PASSWORD": "secret"}
    imgforge("key", "generate", "k", cwd=folder, env=env)
    asked = ("sign", "--key", "k.key", "--log", "--timestamp")
    imgforge(*asked, image, cwd=folder, env=env)
    cosign("verify", "--key", "k.pub", "--use-signed-timestamps", image)
    # What was logged and then lost (a kill, a full disk) is no obstacle: it is signed anew.
    imgforge(*asked, "layout", "--name", image.rpartition(":")[0], cwd=folder, env=env)


def test_a_layout_is_signed_as_a_registry_is(folder: Path, sigstore: LiveSigstore) -> None:
    env = dev(sigstore)
    (folder / "token").write_text(env["SIGSTORE_ID_TOKEN"])
    asked = ("sign", "--keyless", "--identity-token", "token", "layout", "--format", "json")
    first = json.loads(imgforge(*asked, cwd=folder).stdout)[0]
    again = json.loads(imgforge(*asked, cwd=folder).stdout)[0]
    assert [e["added"] for e in first["attached"]] == [True] * 3
    assert [e["added"] for e in again["attached"]] == [False] * 3
    assert first["signer"] == f"dev@example.com of {sigstore.issuer}"


@pytest.mark.parametrize(
    ("claims", "code", "reason"),
    [({"aud": "npm"}, 2, "another audience"), (None, 2, "needs an identity token")],
)
def test_what_is_wrong_is_one_line(
    folder: Path, claims: Mapping[str, Any] | None, code: int, reason: str
) -> None:
    from madeservices import jwt

    env = {} if claims is None else {"SIGSTORE_ID_TOKEN": jwt(**claims)}
    done = imgforge("sign", "--keyless", "layout", cwd=folder, env=env, code=code)
    assert reason in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_fulcio_says_why_it_refuses(folder: Path) -> None:
    from madeservices import jwt

    token = jwt()
    env = {"SIGSTORE_ID_TOKEN": token}
    done = imgforge("sign", "--keyless", "layout", cwd=folder, env=env, code=5)
    assert "the certificate authority 127.0.0.1" in done.stderr
    assert "refuses" in done.stderr
    assert token not in done.stderr


def test_a_root_that_does_not_fit_is_found_out_before_anything_is_logged(
    folder: Path, sigstore: LiveSigstore
) -> None:
    from madesigstore import Sigstore

    config = json.loads(sigstore.trust_config.read_bytes())
    config["trustedRoot"]["ctlogs"] = json.loads(Sigstore().root())["ctlogs"]
    (folder / "wrong.json").write_text(json.dumps(config))
    asked = ("sign", "--keyless", "--trust-config", "wrong.json", "layout")
    done = imgforge(*asked, cwd=folder, env=dev(sigstore), code=5)
    assert "does not prove what it should" in done.stderr
    (top,) = Layout.open(folder / "layout").index()
    assert isinstance(top, Descriptor)


def test_a_service_that_is_gone_says_to_try_again(folder: Path, sigstore: LiveSigstore) -> None:
    config = json.loads(sigstore.trust_config.read_bytes())
    config["signingConfig"]["tsaUrls"][0]["url"] = "http://127.0.0.1:9/api/v1/timestamp"
    (folder / "gone.json").write_text(json.dumps(config))
    asked = ("sign", "--keyless", "--trust-config", "gone.json", "layout")
    done = imgforge(*asked, cwd=folder, env=dev(sigstore), code=75)
    assert "the timestamp authority 127.0.0.1:9 does not serve" in done.stderr
    assert len(Layout.open(folder / "layout").index()) == 1


class Counting(Services):
    """Counts the requests; each takes ``distance`` seconds more."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.distance = 0.0

    def post(self, place: str, url: str, *given: Any, **named: Any) -> bytes:  # noqa: ANN401
        self.asked.append(url)
        time.sleep(self.distance)
        return super().post(place, url, *given, **named)


@pytest.fixture
def statements() -> list[bytes]:
    about = [statement.Subject("app", "sha256:" + "a" * 64)]
    marks = (time.time_ns() + n for n in range(5))
    return [statement.about(about, statement.SPDX, {"mark": m}).to_bytes() for m in marks]


def test_five_statements_ask_for_one_certificate_and_wait_for_each_service_once(
    folder: Path,  # noqa: ARG001 - its environment
    sigstore: LiveSigstore,
    statements: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", sigstore.token())
    services = Counting()
    monkeypatch.setattr("imgforge.signing.services.Services", lambda: services)
    sealer = choice.open_sealer(SignWith(keyless=True), lambda _: None)
    assert isinstance(sealer, IdentitySealer)
    assert len(seal_all(sealer, statements)) == 5
    assert len([url for url in services.asked if "signingCert" in url]) == 1
    assert len(services.asked) == 1 + 5 + 5
    _same_speed(sealer, services, statements)


def _same_speed(sealer: IdentitySealer, services: Counting, statements: list[bytes]) -> None:
    """Compare with the services' own latency, which is made that of a distant Sigstore."""
    distance = 0.3
    services.distance = distance
    sealer._certified = None
    begun = time.monotonic()
    seal_all(sealer, statements)
    taken = time.monotonic() - begun
    services.distance = 0.0
    # A certificate, a timestamp, the log: three answers, which the library has one after another.
    own = _own_latency(services, statements)
    assert taken <= 1.5 * (3 * distance + own)


def _own_latency(services: Services, statements: list[bytes]) -> float:
    """Return what log and authority take for these five, asked without any work of ours."""
    from cryptography.hazmat.primitives.asymmetric import ec

    own = ec.generate_private_key(ec.SECP256R1())
    public = key.public(own)
    verifier = verifier_of_key(public.der, public.to_pem())
    signer = KeySigner(own, repeatable=False)
    envelopes = [dsse.sign(each, signer) for each in statements]
    found = trust.load(choice.trust_config(SignWith(keyless=True)))
    log, (authority, *_) = found.log, found.timestamps
    assert log is not None
    begun = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        stamps = [pool.submit(services.timestamp, authority, e.signature) for e in envelopes]
        assert all(each.result() for each in stamps)
        entries = [pool.submit(services.entry, log, each, verifier) for each in envelopes]
        assert all(each.result() for each in entries)
    return time.monotonic() - begun
