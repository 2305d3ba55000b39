"""Packages of an npm registry on loopback, signed as npm signs, and what may be wrong with them."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from imgforge import cache
from imgforge.bases import npm
from imgforge.bases.definitions import NpmPackage
from imgforge.errors import InvalidInputError, RegistryError
from imgforge.lock import Tarball

WANTED = NpmPackage(
    package={"amd64": "tool-x64"},
    version="22",
    paths={"bin/tool": "opt/tool", "lib": "opt/lib/tool"},
)
FILES = {"package/bin/tool": b"run", "package/lib/a/b.js": b"b", "package/README.md": b"no"}


def packed(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o755 if "bin/" in name else 0o644
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Served:
    """A registry: what it answers by path, and the key that it signs with."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.headers: list[str | None] = []
        self.key = ec.generate_private_key(ec.SECP256R1())

    def publish(self, version: str, packed_: bytes, /, **changes: Any) -> None:  # noqa: ANN401
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(packed_).digest()).decode()
        message = f"tool-x64@{version}:{integrity}".encode()
        signature = base64.b64encode(self.key.sign(message, ec.ECDSA(SHA256()))).decode()
        dist = {
            "integrity": integrity,
            # As mirrors do: the address that the mirrored registry would have.
            "tarball": f"https://elsewhere.test/tool-x64/-/tool-x64-{version}.tgz",
            "signatures": [{"keyid": "SHA256:test", "sig": signature}],
            **changes,
        }
        about = json.loads(self.files.get("/tool-x64", b'{"versions": {}}'))
        about["versions"][version] = {"dist": dist}
        self.files["/tool-x64"] = json.dumps(about).encode()
        self.files[f"/tool-x64/-/tool-x64-{version}.tgz"] = packed_


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.headers.append(self.headers.get("Authorization"))
            data = served.files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Served(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        public = served.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        monkeypatch.setattr(npm, "keys", lambda: {"SHA256:test": public})
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("IMGFORGE_NPM_REGISTRY", served.url + "/")
        monkeypatch.delenv("IMGFORGE_NPM_UNSIGNED", raising=False)
        yield served
        server.shutdown()
        thread.join()


def locked(said: list[str] | None = None) -> Tarball:
    found = npm.lock(WANTED, "amd64", (said if said is not None else []).append)
    assert found is not None
    return found


def read(tarball: bytes, tmp_path: Path) -> dict[str, tuple[int, bytes | None]]:
    path = tmp_path / "a.tgz"
    path.write_bytes(tarball)
    return {e.path: (e.mode, e.data) for e in npm.entries(WANTED, path, "tool 22")}


def test_the_newest_version_that_fits_is_pinned_and_kept(registry: Served) -> None:
    for version in ("22.9.0", "22.10.1", "22.11.0-rc.1", "23.0.0", "2.22.0", "220.0.0"):
        registry.publish(version, packed({"package/v": version.encode()}))
    found = locked()
    data = registry.files["/tool-x64/-/tool-x64-22.10.1.tgz"]
    assert (found.name, found.version, found.size) == ("tool-x64", "22.10.1", len(data))
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert (cache.directory("blobs") / found.sha256).read_bytes() == data
    assert npm.wanted(found).urls == (f"{registry.url}/tool-x64/-/tool-x64-22.10.1.tgz",)


def test_what_was_downloaded_before_is_not_asked_for_again(registry: Served) -> None:
    registry.publish("22.1.0", packed(FILES))
    first = locked()
    del registry.files["/tool-x64/-/tool-x64-22.1.0.tgz"]
    assert locked() == first
    # A spoiled copy in the cache does not count.
    (cache.directory("blobs") / first.sha256).write_bytes(b"spoiled")
    with pytest.raises(RegistryError, match="does not exist"):
        locked()


def test_an_architecture_without_a_package_has_none(registry: Served) -> None:
    assert npm.lock(WANTED, "arm64", print) is None
    assert registry.headers == []


def test_npms_own_signatures_hold() -> None:
    """Two versions as npm's registry signed them, by its former key and by its present one."""
    for message, keyid, signature in (
        (
            (
                "lodash@4.17.21:sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17L"
                "hbZVGedAJv8XZ1tvj5FvSg=="
            ),
            "SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA",
            (
                "MEUCIF3Yithbtmy1aEBNlfNWbLswAfPIyQUuNUGARD3Ex2t4AiEA6TlN2ZKJCUpS/Sf2Z6MduF1BNSvayHIpu5w"
                "AcICcKXw="
            ),
        ),
        (
            (
                "@brave/brave-search-mcp-server@2.0.82:sha512-/DkzCLp+tUJpBL0cRpl7Yn2BoStbOu0xRtq7JzOXC"
                "OsY/dlIyrWD88acBuoOIHVcfGqXz8KCD0jnub1q9OdPZA=="
            ),
            "SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U",
            (
                "MEUCIDcvpL1s6uM/Wrkv03KwpaYlFTWS92yJiRQ41P0Vp7lEAiEA3Yx6MhaJMh2qRvpc0NhFcuiQigoU58DW6qG"
                "IW195OY0="
            ),
        ),
    ):
        assert npm._holds(keyid, signature, message)
        assert not npm._holds(keyid, signature, message.replace("sha512-", "sha512-A"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"signatures": []}, "gives no signature"),
        ({"signatures": [{"keyid": "SHA256:other", "sig": "AAAA"}]}, "no valid signature"),
        ({"signatures": [{"keyid": "SHA256:test", "sig": "AAAA"}]}, "no valid signature"),
        ({"signatures": [{"keyid": "SHA256:test", "sig": "?"}]}, "no valid signature"),
        ({"signatures": ["x", 3, None]}, "no valid signature"),
        ({"signatures": "yes"}, "no valid signature"),
        ({"integrity": "sha1-x"}, "announces no sha512"),
        ({"integrity": None}, "announces no sha512"),
        ({"integrity": "sha512-" + "A" * 86 + "=="}, "no valid signature"),
        ({"tarball": "https://elsewhere.test/../../x"}, "keeps tool-x64 at"),
        ({"tarball": 3}, "keeps tool-x64 at"),
    ],
)
def test_what_is_not_signed_as_it_stands_is_refused(
    registry: Served, changes: dict[str, Any], complaint: str
) -> None:
    registry.publish("22.1.0", packed(FILES), **changes)
    with pytest.raises(RegistryError, match=complaint):
        locked()
    assert not list(cache.directory("blobs").iterdir())


def test_other_bytes_than_the_signed_are_refused(registry: Served) -> None:
    registry.publish("22.1.0", packed(FILES))
    registry.files["/tool-x64/-/tool-x64-22.1.0.tgz"] += b"x"
    with pytest.raises(RegistryError, match="is not what was announced"):
        locked()
    assert not list(cache.directory("blobs").iterdir())


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"versions": []}', b'{"versions": 1}'])
def test_answers_that_are_none_are_refused(registry: Served, answer: bytes) -> None:
    registry.files["/tool-x64"] = answer
    with pytest.raises(RegistryError, match="npm registry"):
        locked()


def test_no_version_is_told_from_no_package(registry: Served) -> None:
    with pytest.raises(RegistryError, match="does not exist"):
        locked()
    registry.publish("21.0.0", packed(FILES))
    with pytest.raises(InvalidInputError, match="no version 22 of tool-x64"):
        locked()


def test_unsigned_packages_take_a_decision_and_are_pointed_out(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.publish("22.1.0", packed(FILES), signatures=None)
    monkeypatch.setenv("IMGFORGE_NPM_UNSIGNED", "1")
    said: list[str] = []
    assert locked(said).version == "22.1.0"
    assert said == ["warning: tool-x64 22.1.0 is taken without npm's signature"]
    # The leave is for missing signatures, not for wrong ones.
    registry.publish("22.2.0", packed(FILES), signatures=[{"keyid": "SHA256:test", "sig": "AA=="}])
    with pytest.raises(RegistryError, match="no valid signature"):
        locked()


def test_the_wanted_paths_alone_come_out(tmp_path: Path) -> None:
    assert read(packed(FILES), tmp_path) == {
        "opt/tool": (0o755, b"run"),
        "opt/lib/tool/a/b.js": (0o644, b"b"),
    }


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("tarball", "complaint"),
    [
        (packed({"package/bin/tool": b""}), "lacks lib"),
        (packed({**FILES, "package/lib/../../x": b""}), "no plain file inside"),
        (packed({**FILES, "/package/lib/x": b""}), "no plain file inside"),
        (packed({**FILES, "l": link("package/lib/l")}), "no plain file inside"),
        (packed(FILES)[:-20], "malformed"),
        (b"", "malformed"),
        (b"\x1f\x8b nonsense", "malformed"),
    ],
    ids=["lacking", "climbing", "absolute", "link", "cut", "empty", "nonsense"],
)
def test_hostile_tarballs_are_refused(tmp_path: Path, tarball: bytes, complaint: str) -> None:
    with pytest.raises(RegistryError, match=complaint):
        read(tarball, tmp_path)


def test_the_registry_and_its_token_come_from_npms_own_files(
    registry: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IMGFORGE_NPM_REGISTRY")
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry", "NPM_CONFIG_USERCONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NPM_TOKEN", "made-up")
    place = registry.url.partition("://")[2]
    (tmp_path / ".npmrc").write_text(
        f"; ours\nregistry = {registry.url}/\n//{place}/:_authToken=${{NPM_TOKEN}}\n"
        "//elsewhere.test/:_authToken=other\n"
    )
    registry.publish("22.1.0", packed(FILES))
    assert locked().version == "22.1.0"
    assert set(registry.headers) == {"Bearer made-up"}


def test_without_any_registry_it_says_where_to_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(npm, "_asked", lambda: "undefined")
    with pytest.raises(InvalidInputError, match="no npm registry is known") as caught:
        npm.find({})
    assert "IMGFORGE_NPM_REGISTRY" in (caught.value.hint or "")


def test_an_edited_lock_gets_no_other_package_used(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.publish("22.1.0", packed(FILES))
    found = locked()
    path = cache.directory("blobs") / found.sha256
    npm.demand(found, path)
    evil = cache.directory("blobs") / "evil"
    evil.write_bytes(packed({"package/bin/tool": b"evil"}))
    with pytest.raises(RegistryError, match="not what npm's registry announced"):
        npm.demand(found, evil)
    integrity = npm._integrity(hashlib.sha512(evil.read_bytes()).digest())
    for changed in (
        dataclasses.replace(found, integrity=integrity),
        dataclasses.replace(found, version="22.9.9"),
        dataclasses.replace(found, name="tool-other"),
        dataclasses.replace(found, signature=""),
    ):
        with pytest.raises(RegistryError, match="signature"):
            npm.demand(changed, evil if changed.integrity == integrity else path)
    monkeypatch.setenv("IMGFORGE_NPM_UNSIGNED", "1")
    npm.demand(dataclasses.replace(found, signature=""), path)


def test_a_token_never_goes_in_the_clear_and_reaches_tarballs(
    registry: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = registry.url.partition("://")[2]
    (tmp_path / ".npmrc").write_text(
        f"//{place}/:_authToken=made-up\n//elsewhere.test/:_authToken=other\n"
    )
    registry.publish("22.1.0", packed(FILES))
    assert npm.wanted(locked()).authorization == "Bearer made-up"
    assert set(registry.headers) == {"Bearer made-up"}
    monkeypatch.setenv("IMGFORGE_NPM_REGISTRY", "http://elsewhere.test")
    assert npm.find().authorization == ""
    monkeypatch.setenv("IMGFORGE_NPM_REGISTRY", "https://elsewhere.test")
    assert npm.find().authorization == "Bearer other"
