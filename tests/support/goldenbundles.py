"""What real tools signed with a live Sigstore: how it is recorded, and what it has to prove.

The records lie in ``tests/unit/signing/data/golden``, so that keyless verification is tested where
no Sigstore is built. tests/integration/test_golden_bundles.py makes them anew and holds the new
ones against the same expectations; ``IMGFORGE_UPDATE_GOLDEN=1`` keeps them.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import realcosign
import tiny
from livesigstore import LiveSigstore
from realcosign import NO_SERVICES, TYPES, Cosign
from running import ROOT

from imgforge.oci.layout import Layout
from imgforge.oci.registry import push
from imgforge.oci.types import Descriptor
from imgforge.signing import load_public
from imgforge.signing.keyless import ByIdentity
from imgforge.signing.proof import Proof, Witnesses
from imgforge.signing.signatory import ByKey, Signatory
from imgforge.signing.simple import OlderAttestation, SimpleSignature
from imgforge.signing.statement import SIGNATURE

KEPT = ROOT / "tests/unit/signing/data/golden"
EMAIL = "dev@example.com"
PREDICATES: dict[str, dict[str, Any]] = {
    "spdxjson": {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "app",
        "documentNamespace": "https://example.com/app",
        "creationInfo": {"created": "2026-01-09T10:00:00Z", "creators": ["Tool: by-hand"]},
        "packages": [
            {"SPDXID": "SPDXRef-app", "name": "app", "downloadLocation": "NOASSERTION"},
            {"SPDXID": "SPDXRef-hello", "name": "hello", "downloadLocation": "NOASSERTION"},
        ],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": "SPDXRef-app",
            },
        ],
    },
    "cyclonedx": {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "app"}},
        "components": [{"type": "library", "name": "hello"}],
    },
    "slsaprovenance1": {
        "buildDefinition": {"buildType": "https://example.com/by-hand", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://example.com/builder"}},
    },
    "vuln": {
        # All fields: cosign adds those that are missing.
        "invocation": {"builder.id": "", "event_id": "", "parameters": None, "uri": ""},
        "scanner": {
            "uri": "pkg:pypi/scanner",
            "version": "1",
            "db": {"uri": "", "version": ""},
            "result": {},
        },
        "metadata": {
            "scanStartedOn": "2026-01-09T10:00:00Z",
            "scanFinishedOn": "2026-01-09T10:00:01Z",
        },
    },
}


@dataclass(frozen=True, slots=True)
class Golden:
    """One record: ``name.json``, about the image ``digest``.

    ``kind``: ``bundle``, or the older ``signature`` and ``attestation``. ``by``: ``key``, ``email``
    or ``github``. ``type``: an attestation's, as cosign calls it; empty for a signature. ``log``
    and ``timestamp``: who bears witness.
    """

    name: str
    kind: str
    by: str
    type: str = ""
    log: bool = False
    timestamp: bool = False
    digest: str = ""

    def proven(self, data: bytes, who: Signatory) -> Proof:
        """Return what the record proves about its image by ``who``; ValueError if nothing."""
        if self.kind == "signature":
            signature = SimpleSignature.from_layer(*_older(data))
            about, proof = signature.is_about(self.digest), who.payload(signature)
        else:
            statement, proof = (
                who.statement(data)
                if self.kind == "bundle"
                else who.envelope(OlderAttestation.from_layer(*_older(data)))
            )
            about = statement.is_about(self.digest)
            assert statement.predicate_type == (TYPES[self.type] if self.type else SIGNATURE)
            assert statement.predicate == (PREDICATES[self.type] if self.type else {})
        if not about:
            raise ValueError("it is about another image")
        return proof


_ALL = (
    Golden("key", "bundle", "key"),
    *(Golden(f"key-{kind}", "bundle", "key", kind) for kind in PREDICATES),
    Golden("key-log", "bundle", "key", log=True, timestamp=True),
    Golden("key-log-spdxjson", "bundle", "key", "spdxjson", log=True, timestamp=True),
    *(Golden(by, "bundle", by, log=True, timestamp=True) for by in ("email", "github")),
    *(
        Golden(f"github-{kind}", "bundle", "github", kind, log=True, timestamp=True)
        for kind in PREDICATES
    ),
    Golden("older-key", "signature", "key"),
    Golden("older-key-spdxjson", "attestation", "key", "spdxjson"),
    # The second generation of the log has no interface for the older formats.
    Golden("older-email", "signature", "email", timestamp=True),
    Golden("older-github", "signature", "github", timestamp=True),
)


def listed(folder: Path = KEPT) -> list[Golden]:
    """Return the records in ``folder``."""
    return [Golden(**each) for each in _about(folder)["records"]]


def signatory(folder: Path, by: str, witnesses: Witnesses) -> Signatory:
    """Return who signed what is recorded as signed ``by``; the network is never asked."""
    root = (folder / "trusted_root.json").read_bytes()
    if by == "key":
        key = load_public(folder / "cosign.pub")
        return ByKey(key, witnesses, root if witnesses != Witnesses() else None, offline=True)
    identity = EMAIL if by == "email" else LiveSigstore.workflow()
    issuer = _about(folder)["issuers"][by]
    return ByIdentity(identity, issuer, root, offline=True, witnesses=witnesses)


def judge(golden: Golden, folder: Path = KEPT) -> None:
    """Hold a record against what it has to prove, and to whom, and what it must not."""
    data = (folder / f"{golden.name}.json").read_bytes()
    had = Witnesses(golden.log, golden.timestamp)
    proof = golden.proven(data, signatory(folder, golden.by, had))
    assert bool(proof.log) == golden.log
    assert bool(proof.times) == (golden.log or golden.timestamp)
    if golden.by != "key":
        assert proof.claims["issuer"] == _about(folder)["issuers"][golden.by]
    for other in {"key", "email", "github"} - {golden.by}:
        _refused(golden, data, signatory(folder, other, had))
    for more in (
        Witnesses(log=True),
        Witnesses(timestamp=True),
        Witnesses(log=True, timestamp=True),
    ):
        if (more.log and not had.log) or (more.timestamp and not had.timestamp):
            _refused(golden, data, signatory(folder, golden.by, more))
    who = signatory(folder, golden.by, had)
    _refused(replace(golden, digest="sha256:" + "0" * 64), data, who)
    _refused(golden, _with_another_signature(data), who)


def _refused(golden: Golden, data: bytes, who: Signatory) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        golden.proven(data, who)


def _with_another_signature(data: bytes) -> bytes:
    """Change the last bit of the signature, wherever the format keeps it."""
    read = json.loads(data)

    def changed(text: str) -> str:
        raw = base64.b64decode(text)
        return base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()

    if "dsseEnvelope" in read:
        signature = read["dsseEnvelope"]["signatures"][0]
        signature["sig"] = changed(signature["sig"])
    elif notes := read["layer"]["annotations"]["dev.cosignproject.cosign/signature"]:
        read["layer"]["annotations"]["dev.cosignproject.cosign/signature"] = changed(notes)
    else:
        envelope = json.loads(base64.b64decode(read["content"]))
        envelope["signatures"][0]["sig"] = changed(envelope["signatures"][0]["sig"])
        read["content"] = base64.b64encode(json.dumps(envelope).encode()).decode()
    return json.dumps(read).encode()


def _older(data: bytes) -> tuple[Descriptor, bytes]:
    """Return the descriptor and the content of a layer in the older formats."""
    read = json.loads(data)
    return Descriptor.from_json(read["layer"]), base64.b64decode(read["content"])


def _about(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "recorded.json").read_text(encoding="utf-8")))


def record(folder: Path, cosign: Cosign, sigstore: LiveSigstore) -> None:
    """Sign and attest with cosign, each time another image; keep what it attached in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = Layout.create(cosign.folder / "layout")
    made = []
    for number, wanted in enumerate(_ALL):
        image = tiny.image(layout, salt=wanted.name.encode())
        repository = f"golden/{number}"
        name = push(layout, image, f"{sigstore.registry}/{repository}")
        cosign(*_command(wanted, cosign, sigstore), name)
        golden = replace(wanted, digest=image.digest)
        attached = _attached(f"http://{sigstore.registry}/v2/{repository}", golden)
        _write(folder / f"{golden.name}.json", attached)
        made.append(golden)
    issuers = {"email": sigstore.issuer, "github": sigstore.github_issuer}
    about = {"issuers": issuers, "records": [asdict(golden) for golden in made]}
    _write(folder / "recorded.json", about)
    (folder / "trusted_root.json").write_bytes(sigstore.trusted_root.read_bytes())
    (folder / "cosign.pub").write_bytes(cosign.pub.read_bytes())


def _command(golden: Golden, cosign: Cosign, sigstore: LiveSigstore) -> list[str | Path]:
    """Return the arguments with which cosign makes ``golden``, but for the image."""
    command: list[str | Path] = ["attest" if golden.type else "sign", "--yes"]
    if golden.type:
        predicate = cosign.folder / f"{golden.type}.json"
        _write(predicate, PREDICATES[golden.type])
        command += ["--type", golden.type, "--predicate", predicate]
    if golden.by == "key":
        command += ["--key", cosign.key]
    else:
        mail = golden.by == "email"
        token = sigstore.token(EMAIL) if mail else realcosign.github(sigstore)
        command += ["--identity-token", token]
    command += realcosign.services(sigstore) if golden.log else NO_SERVICES
    if golden.kind != "bundle":
        command += ["--new-bundle-format=false"]
    if golden.timestamp and not golden.log:
        command += ["--fulcio-url", sigstore.fulcio, "--timestamp-server-url", sigstore.tsa]
    return command


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _attached(repository: str, golden: Golden) -> Any:  # noqa: ANN401 - what JSON holds
    """Return what is attached to the image: a bundle, or an older format's layer."""

    def get(path: str) -> bytes:
        return httpx.get(f"{repository}/{path}", trust_env=False).raise_for_status().content

    if golden.kind == "bundle":
        (referrer,) = json.loads(get(f"referrers/{golden.digest}"))["manifests"]
        name = referrer["digest"]
    else:
        suffix = {"signature": "sig", "attestation": "att"}[golden.kind]
        name = f"{golden.digest.replace(':', '-')}.{suffix}"
    (layer,) = json.loads(get(f"manifests/{name}"))["layers"]
    content = get(f"blobs/{layer['digest']}")
    if golden.kind == "bundle":
        return json.loads(content)
    return {"layer": layer, "content": base64.b64encode(content).decode()}
