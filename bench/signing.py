"""Signing, verifying and pushing, against a real Sigstore, real registries, cosign and skopeo.

Pairs in turn, medians, and ratios pair by pair, as all benches do it. Needs ``dev/sigstore build``,
cosign and skopeo; docker-registry is taken from Debian's archive if it is not there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import peers, servers
from bench.servers import IDENTITY, Sigstore
from imgforge import signing
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, LAYER_GZIP, MANIFEST, Descriptor, Platform, sha256
from imgforge.signing import choice, dsse, statement
from imgforge.signing.choice import SignWith
from imgforge.signing.sealer import KeySealer, Sealer, seal_all

RUNS = int(os.environ.get("BENCH_RUNS", "7"))
IMGFORGE = (sys.executable, "-I", Path(__file__).with_name("installed.py"))
OVER_SERVICES = 1.5
"""Bound: sealing five statements, in times of what the services take by themselves."""
OWN = 0.3
"""Bound: seconds of our own to verify an image with five bundles, beyond imports and network."""
LAYERS, LAYER = 4, 50 << 20
PACKAGES = 400
"""In each SBOM: some 100 KB, as of a middling image."""
_TYPES = {
    "spdxjson": statement.SPDX,
    "cyclonedx": statement.CYCLONEDX,
    "slsaprovenance1": statement.PROVENANCE,
    statement.FINDINGS: statement.FINDINGS,
}
"""What cosign calls the attestations."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where all lies, and the Sigstore that runs."""

    folder: Path
    live: Sigstore

    @property
    def config(self) -> Path:
        """Whom to trust and where to sign."""
        return self.live.folder / "trust_config.json"

    def identity(self) -> SignWith:
        """Return the choice of signing as a person whose token was had."""
        token = self.folder / "token"
        token.write_text(self.live.token())
        return SignWith(keyless=True, token=token, trust_config=self.config)

    def project(self) -> Path:
        """Return a locked project of one file, made at first use."""
        app = self.folder / "app"
        if not app.exists():
            app.mkdir()
            (app / "tool").write_bytes(os.urandom(1 << 10))
            (app / "tool").chmod(0o755)
            (app / "imgforge.toml").write_text(
                '[image]\nname = "bench/tool"\n[stack]\nname = "binary"\n'
                '[app]\nsource = ["tool"]\nentrypoint = ["/app/tool"]\n'
            )
            peers.run([*IMGFORGE, "lock", app])
        return app

    def image(self, name: str, sealer: Sealer, layers: int = 1, size: int = 1 << 20) -> Path:
        """Write a layout with an image of random layers and five bundles; tagged 1."""
        layout = Layout.create(self.folder / name)
        blobs = [layout.add(os.urandom(size), LAYER_GZIP) for _ in range(layers)]
        rootfs = {"type": "layers", "diff_ids": [blob.digest for blob in blobs]}
        described = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
        config = layout.add_json(described, CONFIG)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.to_json(),
            "layers": [blob.to_json() for blob in blobs],
        }
        top = layout.add_json(manifest, MANIFEST, platform=Platform("linux", "amd64"))
        evidence = signing.sign_image(
            layout, top, sealer, name="bench", predicates=_predicates(), created=0
        )
        tagged = {"org.opencontainers.image.ref.name": "1"}
        layout.write_index([Descriptor(top.media_type, top.digest, top.size, tagged), *evidence])
        return layout.path


def run() -> bool:
    """Measure all; whether the bounds were kept."""
    print(f"{os.cpu_count()} CPUs; {RUNS} pairs; medians, and the ratio pair by pair\n")
    print("| what | imgforge | the other | ratio | bound | |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="imgforge-bench-") as name:
        folder = Path(name)
        os.environ["COSIGN_PASSWORD"] = os.environ["IMGFORGE_KEY_PASSWORD"] = "bench"  # noqa: S105
        os.environ["DOCKER_CONFIG"] = name
        with servers.sigstore(folder / "sigstore") as live:
            place = Place(folder, live)
            os.environ["IMGFORGE_SIGSTORE_TRUST_CONFIG"] = str(place.config)
            peers.run([*IMGFORGE, "key", "generate", folder / "k"])
            held = [_sealing(place), _verifying(place)]
            with servers.registry(folder / "registry") as kept:
                _pushing(place, kept)
    return all(held)


def _row(what: str, pairs: Sequence[tuple[float, float]], bound: float | None = None) -> bool:
    own, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    held = bound is None or ratio <= bound
    judged = "" if bound is None else "ok" if held else "OVER"
    print(f"| {what} | {own:.2f} s | {other:.2f} s | {ratio:.2f} | {bound or ''} | {judged} |")
    sys.stdout.flush()
    return held


def _turns(one: Callable[[], float], other: Callable[[], float]) -> list[tuple[float, float]]:
    """Time two sides in turn; the first turn of each is not counted."""
    return [(one(), other()) for _ in range(RUNS + 1)][1:]


def _wall(*argv: str | Path) -> float:
    return peers.run(argv).wall


# Signing.


def _predicates() -> list[tuple[str, bytes]]:
    packages = [
        {"name": f"package-{n}", "type": "library", "SPDXID": f"SPDXRef-{n}", "versionInfo": "1.0"}
        | {"version": "1.0", "downloadLocation": "NOASSERTION", "checksum": os.urandom(32).hex()}
        for n in range(PACKAGES)
    ]
    spdx = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": packages}
    cyclonedx = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": packages}
    return [
        (statement.SPDX, _json(spdx)),
        (statement.CYCLONEDX, _json(cyclonedx)),
        (statement.PROVENANCE, _json({"buildDefinition": {}, "runDetails": {}})),
        (statement.FINDINGS, _json({"findings": []})),
    ]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _statements() -> list[bytes]:
    subject = (statement.Subject("bench", sha256(os.urandom(8))),)
    said: list[tuple[str, bytes]] = [(statement.SIGNATURE, b"{}"), *_predicates()]
    return [statement.about(subject, kind, json.loads(data)).to_bytes() for kind, data in said]


def _sealing(place: Place) -> bool:
    """Seal five statements with one certificate, against the requests that this takes."""

    def ours() -> float:
        asked, said = place.identity(), _statements()
        start = time.perf_counter()
        seal_all(choice.open_sealer(asked, lambda _: None), said)
        return time.perf_counter() - start

    together = _turns(ours, lambda: _raw(place.live, workers=10))
    apart = _turns(ours, lambda: _raw(place.live, workers=1))
    _row("sealing five statements; services, one request after another", apart)
    return _row("sealing five statements; services, all at once", together, OVER_SERVICES)


def _raw(live: Sigstore, workers: int) -> float:
    """Return the seconds of Fulcio's, Rekor's and the authority's answers alone."""
    import httpx
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    key, token = ec.generate_private_key(ec.SECP256R1()), live.token()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    pem = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    with httpx.Client(trust_env=False, timeout=60) as client:
        start = time.perf_counter()
        answer = client.post(
            f"{live.fulcio}/api/v2/signingCert",
            json={"certificateSigningRequest": _b64(pem)},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()
        seconds = time.perf_counter() - start
        chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
        leaf = x509.load_pem_x509_certificate(chain[0].encode()).public_bytes(Encoding.DER)
        work: list[Callable[[], httpx.Response]] = []
        for said in _statements():
            signed = dsse.pae(dsse.IN_TOTO, said)
            signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
            verifier = {
                "x509Certificate": {"rawBytes": _b64(leaf)},
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            }
            entry = {
                "digest": _b64(hashlib.sha256(signed).digest()),
                "signature": {"content": _b64(signature), "verifier": verifier},
            }
            query = TimestampRequestBuilder(hash_algorithm=HashAlgorithm.SHA256).data(signature)
            stamp = query.nonce(nonce=True).build().as_bytes()
            log = {"hashedRekordRequestV002": entry}
            work.append(lambda log=log: client.post(f"{live.rekor}/api/v2/log/entries", json=log))  # type: ignore[misc]
            work.append(
                lambda stamp=stamp: client.post(  # type: ignore[misc]
                    live.tsa, content=stamp, headers={"Content-Type": "application/timestamp-query"}
                )
            )
        with ThreadPoolExecutor(workers) as pool:
            start = time.perf_counter()
            for each in [pool.submit(one) for one in work]:
                each.result().raise_for_status()
            return seconds + time.perf_counter() - start


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Verifying.


def _verifying(place: Place) -> bool:
    """Verify an image with five bundles: on disk, where nobody is asked, and in a registry."""
    private, public = place.folder / "k.key", place.folder / "k.pub"
    keyed = KeySealer(signing.KeySigner(signing.load_private(private, b"bench")))
    named = choice.open_sealer(place.identity(), lambda _: None)
    root = ("--trusted-root", place.live.folder / "trusted_root.json")
    required = [f"--require={each}" for each in _TYPES.values()]
    person = ("--identity", IDENTITY, "--issuer", place.live.issuer, *root)
    certificate = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer")
    sides: tuple[tuple[str, Sealer, tuple[str | Path, ...], tuple[str | Path, ...]], ...] = (
        ("key", keyed, ("--key", public), ("--key", public, "--insecure-ignore-tlog")),
        ("keyless", named, person, (*certificate, place.live.issuer, *root)),
    )
    held = []
    for title, sealer, who, theirs in sides:
        layout = place.image(f"{title}-layout", sealer)
        name = f"{place.live.registry}/bench/{title}:1"
        peers.run([*IMGFORGE, "push", layout, name, *who, *required])
        ours = (*who, *required)
        held.append(_own(place, title, "on disk", "wall", ("verify", layout, "--offline", *ours)))
        held.append(_own(place, title, "in a registry", "cpu", ("verify", name, *ours)))
        whole = (*IMGFORGE, "verify", name, *ours)
        cosign = ("cosign", "verify", *theirs, name)
        attested = [
            ("cosign", "verify-attestation", "--type", kind, *theirs, name) for kind in _TYPES
        ]
        signature = (*IMGFORGE, "verify", name, *who, "--require=signature")
        _row(
            f"{title}: verify the signature; cosign verify",
            _turns(lambda: _wall(*signature), lambda: _wall(*cosign)),  # noqa: B023 - called here
        )
        _row(
            f"{title}: verify all five; cosign, five commands",
            _turns(
                lambda: _wall(*whole),  # noqa: B023 - called here
                lambda: sum(_wall(*each) for each in (cosign, *attested)),  # noqa: B023
            ),
        )
    return all(held)


def _own(
    place: Place, title: str, where: str, measure: str, arguments: tuple[str | Path, ...]
) -> bool:
    """Time one command with its imports done before: wall time, or CPU where it waits for others.

    Shown beside it is how long the imports take.
    """
    modules = place.folder / f"{title} {where}"
    argv = [sys.executable, "-I", str(Path(__file__).with_name("own.py")), str(modules)]
    pairs = []
    for _ in range(RUNS + 1):
        done = subprocess.run(
            [*argv, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"imgforge {arguments}: {done.stderr}")
        used = json.loads(done.stderr.splitlines()[-1])
        pairs.append((used[measure], used["imports"]))
    own, imports = (statistics.median(side) for side in zip(*pairs[1:], strict=True))
    kept = bool(own <= OWN)
    what = "CPU" if measure == "cpu" else "time"
    print(
        f"| {title}: own {what}, five bundles {where}; imports | {own:.3f} s | {imports:.2f} s | "
        f"| {OWN} s | {'ok' if kept else 'OVER'} |",
        flush=True,
    )
    return kept


# Pushing.


def _pushing(place: Place, kept: str) -> None:
    """Push 200 MB against skopeo: to a new repository, to a second one, and again."""
    public = place.folder / "k.pub"
    sealer = KeySealer(signing.KeySigner(signing.load_private(place.folder / "k.key", b"bench")))
    counter = iter(range(1 << 20))
    where: dict[str, Path] = {}

    def skopeo(layout: Path, repository: str) -> float:
        to = ("--dest-tls-verify=false", f"oci:{layout}:1", f"docker://{repository}:1")
        return _wall("skopeo", "copy", "--quiet", *to)

    def push(layout: Path, *repositories: str) -> float:
        return _wall(*IMGFORGE, "push", "--key", public, layout, *(f"{r}:1" for r in repositories))

    def new() -> tuple[Path, str]:
        """Return an image that no registry has seen, and a repository that nobody has used."""
        where["last"] = layout = place.image(f"big{next(counter)}", sealer, LAYERS, LAYER)
        return layout, f"{kept}/bench/{layout.name}"

    _row("push 200 MB, new; skopeo copy", _turns(lambda: push(*new()), lambda: skopeo(*new())))
    first, second = new(), new()
    push(*first)
    skopeo(*second)
    _row(
        "push 200 MB, there already; skopeo copy",
        _turns(lambda: push(*first), lambda: skopeo(*second)),
    )

    def build() -> float:
        output = ("--output", place.folder / "out", "--push", f"{kept}/bench/app:1")
        key = ("--key", place.folder / "k.key")
        return _wall(*IMGFORGE, "build", place.project(), "--engine", "native", *key, *output)

    _row(
        "build --push, nothing changed; skopeo copy of 200 MB",
        _turns(build, lambda: skopeo(*second)),
    )
    layout, _ = new()
    with servers.counted(kept) as (place_before, sent):
        push(layout, f"{place_before}/bench/a", f"{place_before}/bench/b")
    size = sum(file.stat().st_size for file in (layout / "blobs" / "sha256").iterdir())
    again = max(sent[0] - size, 0)
    print(
        f"| push to two repositories: {size / 1e6:.1f} MB of blobs; requests and what was sent "
        f"again | {again / 1e6:.2f} MB | | | |"
    )
