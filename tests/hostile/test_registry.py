"""Registries that fail, lie, redirect or eavesdrop."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import gzip
import ipaddress
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import demanded
import pytest
import tiny
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fakeregistry import FakeRegistry, Reply, Seen, serve

from imgforge import publish, signing, verify
from imgforge.errors import EvidenceError, ImgforgeError, RegistryError, TransientError
from imgforge.oci import referrers, registry, transport, upload
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.types import INDEX, MANIFEST, MAX_MANIFEST, Descriptor, Platform, sha256
from imgforge.shipment import Shipment, Terms
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner

PASSWORD = "hunter2"
SECRET = "Basic " + base64.b64encode(b"me:hunter2").decode()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "IMGFORGE_INSECURE_REGISTRIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(referrers, "_SETTLE", 0.0)
    monkeypatch.setattr(referrers, "_LOOK", 0.0)
    return tmp_path


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=[False, True], ids=["fallback tag", "referrers API"])
def fake(request: pytest.FixtureRequest, stack: ExitStack) -> FakeRegistry:
    return stack.enter_context(serve(FakeRegistry(referrers_api=request.param)))


@pytest.fixture
def plain(stack: ExitStack) -> FakeRegistry:
    return stack.enter_context(serve(FakeRegistry()))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture(scope="module")
def signer() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


def empty(folder: Path) -> Layout:
    return Layout.create(folder / "other")


def target(fake: FakeRegistry) -> Reference:
    return Reference.parse(f"{fake.place}/team/app")


def opened(stack: ExitStack, fake: FakeRegistry) -> tuple[registry.Registry, list[float]]:
    waits: list[float] = []
    client = registry.Registry(target(fake), pause=waits.append)
    return stack.enter_context(client), waits


def log_in(folder: Path, place: str) -> None:
    auth = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {place: {"auth": auth}}}))


def first(
    count: int, reply: Callable[[Seen], Reply | None], path: str = ""
) -> Callable[[Seen], Reply | None]:
    """Answer the first ``count`` requests whose path holds ``path`` with ``reply``."""
    left = [count]

    def fault(seen: Seen) -> Reply | None:
        if path not in seen.path or left[0] == 0:
            return None
        left[0] -= 1
        return reply(seen)

    return fault


# Going well.


def test_an_image_goes_there_and_back(fake: FakeRegistry, layout: Layout, folder: Path) -> None:
    top = tiny.index(layout, tiny.image(layout), tiny.image(layout, "arm64", b"x"))
    name = registry.push(layout, top, str(target(fake)))
    assert name == f"{fake.place}/team/app@{top.digest}"
    assert fake.tags == {}
    other = empty(folder)
    assert registry.pull(str(target(fake)), top.digest, other) == top
    assert len(list((other.path / "blobs/sha256").iterdir())) == 7
    assert [d.digest for d in other.images(top)] == [d.digest for d in layout.images(top)]


def test_what_is_there_is_not_sent_again(fake: FakeRegistry, layout: Layout) -> None:
    image = tiny.image(layout)
    registry.push(layout, image, str(target(fake)))
    fake.seen.clear()
    registry.push(layout, image, str(target(fake)))
    assert [s.method for s in fake.seen if s.method not in ("HEAD", "GET")] == []


def test_only_the_platforms_asked_for_are_pulled(
    fake: FakeRegistry, layout: Layout, folder: Path
) -> None:
    amd64, arm64 = tiny.image(layout), tiny.image(layout, "arm64", b"x")
    top = tiny.index(layout, amd64, arm64)
    registry.push(layout, top, str(target(fake)))
    other = empty(folder)
    registry.pull(str(target(fake)), top.digest, other, platforms=[Platform("linux", "arm64")])
    assert (other.has(arm64.digest), other.has(amd64.digest)) == (True, False)
    with pytest.raises(RegistryError, match="no image for linux/s390x"):
        registry.pull(str(target(fake)), top.digest, other, platforms=[Platform("linux", "s390x")])


def test_blobs_of_another_repository_are_mounted(plain: FakeRegistry, layout: Layout) -> None:
    image = tiny.image(layout)
    plain.blobs = {
        d["digest"]: b""
        for d in [layout.read_json(image)["config"], *layout.read_json(image)["layers"]]
    }
    plain.fault = lambda seen: Reply(404) if seen.method == "HEAD" else None
    registry.push(layout, image, str(target(plain)), mount="other")
    assert len(plain.calls("POST", "mount=sha256")) == 2
    assert plain.calls("PUT", "uploads") == []


def test_a_registry_that_takes_only_pieces_gets_pieces(
    plain: FakeRegistry, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "CHUNK", 7)
    image = tiny.image(layout)

    def fault(seen: Seen) -> Reply | None:
        return Reply(413) if seen.method == "PUT" and "uploads" in seen.path and seen.body else None

    plain.fault = fault
    registry.push(layout, image, str(target(plain)))
    ranges = [s.headers["content-range"] for s in plain.calls("PATCH")]
    assert ranges[:2] in (["0-6", "7-13"], ["0-6", "0-6"])
    config = layout.read_json(image)["config"]
    assert plain.blobs[config["digest"]] == layout.read(Descriptor.from_json(config))


def test_a_reference_without_tag_means_latest(plain: FakeRegistry, layout: Layout) -> None:
    image = tiny.image(layout)
    registry.push(layout, image, str(target(plain)))
    with pytest.raises(RegistryError, match="has no latest"):
        registry.resolve(str(target(plain)))
    plain.tags["latest"] = image.digest
    assert registry.resolve(str(target(plain))).digest == image.digest


# Failing for a while, or for good.


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_waited_out(
    plain: FakeRegistry, stack: ExitStack, status: int
) -> None:
    plain.fault = first(2, lambda _: Reply(status, {"Retry-After": "7"}))
    client, waits = opened(stack, plain)
    assert client.find("x") is None
    assert waits == [7, 7]


def test_retry_after_is_capped_and_may_be_a_date(plain: FakeRegistry, stack: ExitStack) -> None:
    answers = iter(["999999999999", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-5"])
    plain.fault = first(4, lambda _: Reply(429, {"Retry-After": next(answers)}))
    client, waits = opened(stack, plain)
    client.find("x")
    assert waits[:2] == [transport.MAX_WAIT, 0]
    assert 0.5 < waits[2] < 1.1
    assert 1.1 < waits[3] < 2.1


def test_a_lasting_failure_is_transient_and_names_the_place(
    plain: FakeRegistry, stack: ExitStack
) -> None:
    plain.fault = lambda _: Reply(503)
    client, waits = opened(stack, plain)
    with pytest.raises(TransientError, match=r"GET .*/manifests/x: status 503") as caught:
        client.find("x")
    assert plain.place in caught.value.message
    assert (len(plain.seen), len(waits)) == (transport.ATTEMPTS, transport.ATTEMPTS - 1)


def test_nobody_listening_is_transient(stack: ExitStack) -> None:
    with serve(FakeRegistry()) as gone:
        pass
    client, waits = opened(stack, gone)
    with pytest.raises(TransientError, match="refused"):
        client.find("x")
    assert len(waits) == transport.ATTEMPTS - 1


def test_a_cut_download_is_begun_again_and_leaves_nothing(
    plain: FakeRegistry, layout: Layout, folder: Path, stack: ExitStack
) -> None:
    image = tiny.image(layout)
    registry.push(layout, image, str(target(plain)))

    def cut(seen: Seen) -> Reply:
        return Reply(200, {}, plain.blobs[seen.path.rpartition("/")[2]], cut=True)

    plain.fault = first(3, cut, "/blobs/")
    other = empty(folder)
    client, waits = opened(stack, plain)
    top, data = client.find(image.digest) or pytest.fail("not there")
    other.add(data, top.media_type)
    client.fetch_image(top, other, None)
    assert len(waits) == 3
    assert list(other.path.rglob(".incoming-*")) == []


def test_a_cut_upload_is_begun_again(plain: FakeRegistry, layout: Layout) -> None:
    image = tiny.image(layout)
    plain.fault = first(2, lambda _: Reply(502, cut=True), "blobs/uploads/0")
    registry.push(layout, image, str(target(plain)))
    assert set(plain.manifests) == {image.digest}


def test_a_refusal_is_told_with_the_registrys_reason_made_harmless(
    plain: FakeRegistry, stack: ExitStack
) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "no\x1b[31m \r\n way"}, 7]})
    plain.fault = lambda _: Reply(403, {}, body.encode())
    client, waits = opened(stack, plain)
    with pytest.raises(RegistryError, match=r"refused GET .*: status 403") as caught:
        client.find("x")
    assert "docker login" in str(caught.value.hint)
    assert all(d.isprintable() for d in caught.value.details)
    assert "DENIED" in caught.value.details[0]
    assert waits == []


# Lying.


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"Content-Type": MANIFEST}, b'{"schemaVersion":2,"layers":[]}'),
        Reply(200, {"Content-Type": MANIFEST}, b""),
        Reply(200, {"Content-Type": "text/html"}, b"<html>"),
    ],
)
def test_a_wrong_manifest_is_refused(plain: FakeRegistry, folder: Path, reply: Reply) -> None:
    plain.fault = lambda _: reply
    with pytest.raises(RegistryError, match="instead of the one promised"):
        registry.pull(str(target(plain)), "sha256:" + "0" * 64, empty(folder))


def test_a_tag_whose_digest_is_not_the_announced_one_is_refused(plain: FakeRegistry) -> None:
    headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": "sha256:" + "0" * 64}
    plain.fault = lambda _: Reply(200, headers, b'{"schemaVersion":2}')
    with pytest.raises(RegistryError, match="instead of the one promised"):
        registry.resolve(f"{target(plain)}:1")


@pytest.mark.parametrize(
    ("body", "header", "reason"),
    [
        (b'{"schemaVersion":2,"schemaVersion":2}', MANIFEST, "repeats a key"),
        (b"[]", MANIFEST, "not a JSON object"),
        (b"{", MANIFEST, "manifest 1"),
        (b'{"schemaVersion":1}', MANIFEST, "schema version 2"),
        (b'{"schemaVersion":2,"layers":[],"manifests":[]}', MANIFEST, "unambiguous"),
        (b'{"schemaVersion":2,"layers":[],"manifests":[]}', INDEX, "unambiguous"),
        (b'{"schemaVersion":2,"mediaType":"%s"}' % INDEX.encode(), MANIFEST, "another media type"),
        (b'{"schemaVersion":2,"mediaType":["x"]}', MANIFEST, "media type"),
        (b'{"schemaVersion":2,"mediaType":"text/html"}', MANIFEST, "media type"),
        (b'{"schemaVersion":2}', "text/html", "media type"),
    ],
)
def test_an_ambiguous_manifest_is_refused(
    plain: FakeRegistry, body: bytes, header: str, reason: str
) -> None:
    plain.fault = lambda _: Reply(200, {"Content-Type": header}, body)
    with pytest.raises(RegistryError, match=reason):
        registry.resolve(f"{target(plain)}:1")


def test_a_huge_manifest_is_not_read_to_its_end(plain: FakeRegistry) -> None:
    plain.fault = lambda _: Reply(200, {"Content-Type": MANIFEST}, b" " * (MAX_MANIFEST + 1))
    with pytest.raises(RegistryError, match=f"over {MAX_MANIFEST} bytes"):
        registry.resolve(f"{target(plain)}:1")


def test_a_compressed_answer_is_not_expanded(plain: FakeRegistry) -> None:
    body = gzip.compress(b" " * (64 << 20))
    headers = {"Content-Type": MANIFEST, "Content-Encoding": "gzip"}
    plain.fault = lambda _: Reply(200, headers, body)
    with pytest.raises(RegistryError, match="manifest 1"):
        registry.resolve(f"{target(plain)}:1")


@pytest.mark.parametrize("change", [lambda b: b + b"x", lambda b: b[:-1], lambda b: b[:-1] + b"?"])
def test_a_blob_of_another_content_or_size_is_refused(
    plain: FakeRegistry, layout: Layout, folder: Path, change: Callable[[bytes], bytes]
) -> None:
    image = tiny.image(layout)
    registry.push(layout, image, str(target(plain)))
    plain.blobs = {digest: change(data) for digest, data in plain.blobs.items()}
    other = empty(folder)
    with pytest.raises(RegistryError, match=r"do not match their digest|gives over"):
        registry.pull(str(target(plain)), image.digest, other)
    assert {p.name for p in (other.path / "blobs/sha256").iterdir()} == {image.digest[7:]}
    assert list(other.path.rglob(".incoming-*")) == []


def test_a_child_of_another_size_than_the_index_says_is_refused(
    plain: FakeRegistry, layout: Layout, folder: Path
) -> None:
    image = tiny.image(layout)
    lie = Descriptor(image.media_type, image.digest, image.size + 1)
    top = tiny.index(layout, lie)
    index_bytes = layout.read(top)
    plain.manifests = {
        top.digest: (INDEX, index_bytes),
        image.digest: (MANIFEST, layout.read(image)),
    }
    with pytest.raises(RegistryError, match="another type or size"):
        registry.pull(str(target(plain)), top.digest, empty(folder))


def test_an_index_that_lists_other_things_is_refused(
    plain: FakeRegistry, layout: Layout, folder: Path
) -> None:
    top = tiny.index(layout, Descriptor("text/plain", "sha256:" + "0" * 64, 1))
    plain.manifests = {top.digest: (INDEX, layout.read(top))}
    with pytest.raises(RegistryError, match="no image or index"):
        registry.pull(str(target(plain)), top.digest, empty(folder))


def test_a_put_under_another_digest_is_noticed(plain: FakeRegistry, layout: Layout) -> None:
    image = tiny.image(layout)

    def fault(seen: Seen) -> Reply | None:
        if seen.method == "PUT" and "manifests" in seen.path:
            return Reply(201, {"Docker-Content-Digest": "sha256:" + "0" * 64})
        return None

    plain.fault = fault
    with pytest.raises(RegistryError, match="PUT manifests"):
        registry.push(layout, image, str(target(plain)))


def test_a_put_that_is_forgotten_is_noticed(plain: FakeRegistry, layout: Layout) -> None:
    image = tiny.image(layout)
    plain.fault = lambda seen: (
        Reply(201) if seen.method == "PUT" and "manifests" in seen.path else None
    )
    with pytest.raises(RegistryError, match="does not have it"):
        registry.push(layout, image, str(target(plain)))


# Credentials.


def demand(scheme: str) -> Callable[[Seen], Reply | None]:
    """Let only requests with an ``Authorization`` header through."""

    def fault(seen: Seen) -> Reply | None:
        if "authorization" in seen.headers:
            return None
        return Reply(401, {"WWW-Authenticate": scheme})

    return fault


def test_basic_credentials_are_sent_when_asked(
    plain: FakeRegistry, stack: ExitStack, folder: Path
) -> None:
    log_in(folder, plain.place)
    plain.fault = demand('Basic realm="x"')
    client, _ = opened(stack, plain)
    assert client.find("x") is None
    assert client.find("y") is None
    assert [s.headers.get("authorization") for s in plain.seen] == [None, SECRET, SECRET]


def test_without_credentials_the_hint_says_how_to_log_in(
    plain: FakeRegistry, stack: ExitStack
) -> None:
    plain.fault = demand('Basic realm="x"')
    client, _ = opened(stack, plain)
    with pytest.raises(RegistryError, match="status 401") as caught:
        client.find("x")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"docker login {plain.place}")


def test_wrong_credentials_are_offered_once(
    plain: FakeRegistry, stack: ExitStack, folder: Path
) -> None:
    log_in(folder, plain.place)
    plain.fault = lambda _: Reply(401, {"WWW-Authenticate": "Basic"})
    client, _ = opened(stack, plain)
    for _ in range(2):
        with pytest.raises(RegistryError, match="status 401") as caught:
            client.find("x")
        assert PASSWORD not in caught.value.message + str(caught.value.hint)
    assert len(plain.seen) == 3


def bearer(token_server: str) -> str:
    return f'Bearer realm="{token_server}",service="reg",scope="repository:team/app:pull,push"'


def test_a_token_is_fetched_with_the_credentials_and_used(
    plain: FakeRegistry, stack: ExitStack, folder: Path
) -> None:
    tokens = stack.enter_context(serve(FakeRegistry()))
    tokens.fault = lambda _: Reply(200, {}, b'{"token":"abc"}')
    log_in(folder, plain.place)
    plain.fault = demand(bearer(f"http://{tokens.place}/token?x=1"))
    client, _ = opened(stack, plain)
    assert client.find("x") is None
    assert plain.seen[-1].headers["authorization"] == "Bearer abc"
    (asked,) = tokens.seen
    assert asked.headers["authorization"] == SECRET
    assert parse_qs(urlsplit(asked.path).query) == {
        "x": ["1"],
        "service": ["reg"],
        "scope": ["repository:team/app:pull,push"],
    }


def test_an_identity_token_is_posted(plain: FakeRegistry, stack: ExitStack, folder: Path) -> None:
    tokens = stack.enter_context(serve(FakeRegistry()))
    tokens.fault = lambda _: Reply(200, {}, b'{"access_token":"abc"}')
    entry = {"auths": {plain.place: {"identitytoken": "refresh"}}}
    (folder / "config.json").write_text(json.dumps(entry))
    plain.fault = demand(bearer(f"http://{tokens.place}/token"))
    client, _ = opened(stack, plain)
    client.find("x")
    (asked,) = tokens.seen
    assert asked.method == "POST"
    assert parse_qs(asked.body.decode())["refresh_token"] == ["refresh"]
    assert "refresh" not in asked.path


@pytest.mark.parametrize(
    "realm",
    [
        "http://example.com/token",
        "http://127.0.0.1.example.com/token",
        "http://user:pw@127.0.0.1/token",
        "https://",
        "ftp://127.0.0.1/token",
        "/token",
        "",
        "http://[::1",
    ],
)
def test_credentials_go_to_no_token_server_that_is_neither_https_nor_local(
    plain: FakeRegistry, stack: ExitStack, folder: Path, realm: str
) -> None:
    log_in(folder, plain.place)
    plain.fault = lambda _: Reply(401, {"WWW-Authenticate": bearer(realm)})
    client, _ = opened(stack, plain)
    with pytest.raises(RegistryError, match="neither https nor on this machine"):
        client.find("x")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b""),
        (302, b""),
        (200, b"{}"),
        (200, b"<html>"),
        (200, b'{"token":"a\\r\\nX-Evil: 1"}'),
        (200, b'{"token":["x"]}'),
        (200, b'{"token":"a","token":"b"}'),
    ],
)
def test_a_token_server_that_refuses_or_lies_is_named(
    plain: FakeRegistry, stack: ExitStack, status: int, body: bytes
) -> None:
    tokens = stack.enter_context(serve(FakeRegistry()))
    tokens.fault = lambda _: Reply(status, {"Location": f"http://{tokens.place}/x"}, body)
    plain.fault = demand(bearer(f"http://{tokens.place}/token"))
    client, _ = opened(stack, plain)
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1"):
        client.find("x")
    assert len(tokens.seen) == 1


def test_credentials_do_not_follow_a_redirect_to_another_host(
    plain: FakeRegistry, layout: Layout, folder: Path, stack: ExitStack
) -> None:
    image = tiny.image(layout)
    registry.push(layout, image, str(target(plain)))
    store = stack.enter_context(serve(FakeRegistry(blobs=dict(plain.blobs))))
    log_in(folder, plain.place)

    def fault(seen: Seen) -> Reply | None:
        if "authorization" not in seen.headers:
            return Reply(401, {"WWW-Authenticate": "Basic"})
        if "/blobs/" in seen.path:
            return Reply(307, {"Location": f"http://{store.place}{seen.path}"})
        return None

    plain.fault = fault
    registry.pull(str(target(plain)), image.digest, empty(folder))
    assert len(store.calls("GET", "/blobs/")) == 2
    assert all("authorization" not in s.headers for s in store.seen)
    assert all("cookie" not in s.headers for s in store.seen)


def test_another_host_that_asks_for_credentials_gets_none(
    plain: FakeRegistry, folder: Path, stack: ExitStack
) -> None:
    thief = stack.enter_context(serve(FakeRegistry()))
    thief.fault = lambda _: Reply(401, {"WWW-Authenticate": "Basic"})
    log_in(folder, plain.place)
    plain.fault = lambda seen: Reply(302, {"Location": f"http://{thief.place}{seen.path}"})
    client, _ = opened(stack, plain)
    with pytest.raises(RegistryError, match="status 401"):
        client.find("x")
    assert all("authorization" not in s.headers for s in thief.seen)


def test_an_upload_elsewhere_carries_no_credentials(
    plain: FakeRegistry, layout: Layout, folder: Path, stack: ExitStack
) -> None:
    store = stack.enter_context(serve(FakeRegistry()))
    store.fault = lambda seen: Reply(201) if seen.method == "PUT" else None
    log_in(folder, plain.place)
    place = f"http://{store.place}/signed?sig=1"

    def fault(seen: Seen) -> Reply | None:
        if "authorization" not in seen.headers:
            return Reply(401, {"WWW-Authenticate": "Basic"})
        return Reply(202, {"Location": place}) if seen.method == "POST" else None

    plain.fault = fault
    registry.push(layout, tiny.image(layout), str(target(plain)))
    assert {s.path.partition("&")[0] for s in store.seen} == {"/signed?sig=1"}
    assert all("authorization" not in s.headers for s in store.seen)


def test_nothing_is_sent_along_a_redirect_to_another_host(
    plain: FakeRegistry, layout: Layout, stack: ExitStack
) -> None:
    thief = stack.enter_context(serve(FakeRegistry()))

    def fault(seen: Seen) -> Reply | None:
        if seen.method == "PUT" and "manifests" in seen.path:
            return Reply(307, {"Location": f"http://{thief.place}/x"})
        return None

    plain.fault = fault
    with pytest.raises(RegistryError, match="where nothing is sent"):
        registry.push(layout, tiny.image(layout), str(target(plain)))
    assert thief.seen == []


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/x",
        "http://[::1/x",
        "//example.com/x",
        "javascript:1",
    ],
)
def test_redirects_to_unusable_places_are_refused(
    plain: FakeRegistry, stack: ExitStack, location: str
) -> None:
    plain.fault = lambda _: Reply(302, {"Location": location})
    client, _ = opened(stack, plain)
    with pytest.raises(RegistryError, match=r"not encrypted|unusable|malformed"):
        client.find("x")


def test_redirects_for_ever_end(plain: FakeRegistry, stack: ExitStack) -> None:
    plain.fault = lambda seen: Reply(302, {"Location": seen.path + "x"})
    client, _ = opened(stack, plain)
    with pytest.raises(RegistryError, match="redirected for ever"):
        client.find("x")
    assert len(plain.seen) < 10


# TLS.


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "ca.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "tls.key"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    return path, context


def test_a_certificate_counts_only_if_its_authority_was_named(
    folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = certificate(folder)
    secure = stack.enter_context(serve(FakeRegistry(), context))
    with pytest.raises(RegistryError, match="is not trusted") as caught:
        registry.resolve(f"{target(secure)}:1")
    assert "SSL_CERT_FILE" in str(caught.value.hint)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(RegistryError, match="has no 1"):
        registry.resolve(f"{target(secure)}:1")
    assert len(secure.seen) == 1


def test_an_encrypted_registry_leads_to_no_plain_place(
    folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = certificate(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    secure = stack.enter_context(serve(FakeRegistry(), context))
    elsewhere = stack.enter_context(serve(FakeRegistry()))
    secure.fault = lambda _: Reply(302, {"Location": f"http://{elsewhere.place}/"})
    with pytest.raises(RegistryError, match="not encrypted"):
        registry.resolve(f"{target(secure)}:1")
    secure.fault = lambda _: Reply(
        401, {"WWW-Authenticate": bearer(f"http://{elsewhere.place}/token")}
    )
    with pytest.raises(RegistryError, match="neither https"):
        registry.resolve(f"{target(secure)}:1")
    assert elsewhere.seen == []


def test_a_place_that_is_not_loopback_must_speak_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgforge.oci import origin

    for place in ("localhost:5000", "127.8.9.1", "[::1]:80", "a.localhost"):
        assert origin.may_be_plain(place)
    for place in ("r.io", "127.0.0.1.r.io", "localhost.r.io:80", "10.0.0.1:5000", "[::2]:80"):
        assert not origin.may_be_plain(place)
    monkeypatch.setenv("IMGFORGE_INSECURE_REGISTRIES", "10.0.0.1:5000, r.io")
    assert origin.may_be_plain("10.0.0.1:5000")
    assert origin.may_be_plain("r.io")
    assert not origin.may_be_plain("r.io:80")


def test_a_silent_server_is_not_waited_for_long() -> None:
    import socket

    from imgforge.oci import origin

    with socket.create_server(("127.0.0.1", 0)) as server:
        started = time.monotonic()
        assert not origin.speaks_tls(f"127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - started < 5


# Publishing and verifying.


def evidence(layout: Layout, image: Descriptor, signer: KeySigner) -> list[Descriptor]:
    return signing.sign_image(
        layout,
        image,
        signing.KeySealer(signer),
        name="app",
        predicates=[("https://spdx.dev/Document", demanded.SPDX)],
        created=0,
    )


def published(
    fake: FakeRegistry, layout: Layout, signer: KeySigner, tags: tuple[str, ...] = ("1", "latest")
) -> tuple[Descriptor, str]:
    image = tiny.image(layout)
    found = evidence(layout, image, signer)
    return image, sent(fake, layout, image, found, signer, tags)


def sent(  # noqa: PLR0917 - what is published
    fake: FakeRegistry,
    layout: Layout,
    image: Descriptor,
    found: list[Descriptor],
    signer: KeySigner,
    tags: tuple[str, ...],
) -> str:
    """Publish without waiting anywhere; return the reference."""
    (pushed,) = publish.publish(
        Shipment(layout, image, tuple(found)),
        [publish.Target(target(fake), tags)],
        Terms((ByKey(signer.public_key),)),
        say=lambda _: None,
        pause=lambda _: None,
    )
    return pushed.reference


def test_what_was_published_verifies(fake: FakeRegistry, layout: Layout, signer: KeySigner) -> None:
    image, name = published(fake, layout, signer)
    assert name == f"{fake.place}/team/app@{image.digest}"
    proven = verify.verify_registry(
        f"{target(fake)}:1", demanded.by(signer, ["https://spdx.dev/Document"])
    )
    assert proven.digest == image.digest
    fallback = image.digest.replace(":", "-")
    assert (fallback in fake.tags) == (not fake.referrers_api)
    assert len(referrers.referrers(str(target(fake)), image.digest)) == 2


def test_an_unsigned_image_gets_no_name(
    fake: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image, other = tiny.image(layout), tiny.image(layout, salt=b"x")
    sbom = evidence(layout, image, signer)[1:]
    with pytest.raises(EvidenceError, match="is not signed"):
        sent(fake, layout, image, sbom, signer, ("1",))
    foreign = evidence(layout, other, signer)
    with pytest.raises(EvidenceError, match="is not about"):
        sent(fake, layout, image, foreign, signer, ("1",))
    assert fake.seen == []


def test_killed_anywhere_and_called_again_it_converges(
    fake: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    images = [tiny.image(layout, a, a.encode()) for a in ("amd64", "arm64")]
    top = tiny.index(layout, *images)
    found = [r for d in (top, *images) for r in evidence(layout, d, signer)]

    def go() -> None:
        sent(fake, layout, top, found, signer, ("1", "2"))

    go()
    calls = len(fake.seen)
    assert calls > 30
    for moment in range(0, calls, 7):
        for state in (fake.blobs, fake.manifests, fake.tags, fake.uploads, fake.seen):
            state.clear()
        left = [moment]

        def fault(_: Seen, left: list[int] = left) -> Reply | None:
            left[0] -= 1
            return None if left[0] >= 0 else Reply(403)

        fake.fault = fault
        with contextlib.suppress(RegistryError):
            go()
            assert left[0] >= 0, "how often a tag is looked at depends on the machine's load"
        fake.fault = lambda _: None
        for tag in {"1", "2"} & fake.tags.keys():
            verify.verify_registry(
                f"{target(fake)}:{tag}", demanded.by(signer, ["https://spdx.dev/Document"])
            )
        go()
        assert {"1": top.digest, "2": top.digest}.items() <= fake.tags.items()
        verify.verify_registry(
            f"{target(fake)}:1", demanded.by(signer, ["https://spdx.dev/Document"])
        )


def test_a_fallback_tag_that_others_overwrite_is_written_again(
    plain: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    lost = [4]

    def fault(seen: Seen) -> Reply | None:
        if seen.method == "PUT" and "manifests/sha256-" in seen.path and lost[0]:
            lost[0] -= 1
            return Reply(201)
        return None

    plain.fault = fault
    image, _ = published(plain, layout, signer)
    assert lost == [0]
    assert len(referrers.referrers(str(target(plain)), image.digest)) == 2


def test_a_fallback_tag_keeps_what_others_wrote(
    plain: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    theirs = {"mediaType": MANIFEST, "digest": "sha256:" + "9" * 64, "size": 1, "x-unknown": "y"}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [theirs], "x-more": 1}
    data = json.dumps(index).encode()
    plain.manifests[sha256(data)] = (INDEX, data)
    tag = image.digest.replace(":", "-")
    plain.tags[tag] = sha256(data)
    published(plain, layout, signer)
    now = json.loads(plain.manifests[plain.tags[tag]][1])
    assert now["manifests"][0] == theirs
    assert now["x-more"] == 1
    assert len(now["manifests"]) == 3


def test_a_registry_that_drops_referrers_gets_no_tag(
    plain: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    def fault(seen: Seen) -> Reply | None:
        if "/referrers/" in seen.path:
            body = b'{"schemaVersion":2,"manifests":[]}'
            return Reply(200, {"Content-Type": INDEX}, body)
        return None

    plain.fault = fault
    with pytest.raises(RegistryError, match="does not list"):
        published(plain, layout, signer)
    assert "1" not in plain.tags


def test_a_tag_that_names_something_else_afterwards_is_an_error(
    plain: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    def fault(seen: Seen) -> Reply | None:
        if seen.method == "PUT" and seen.path.endswith("/manifests/1"):
            return Reply(201)
        return None

    plain.fault = fault
    with pytest.raises(RegistryError, match="does not name"):
        published(plain, layout, signer)


def test_referrers_come_in_pages_of_this_registry_only(
    plain: FakeRegistry, stack: ExitStack
) -> None:
    digest = "sha256:" + "1" * 64
    entry = {"mediaType": MANIFEST, "size": 1}

    def page(_: Seen) -> Reply:
        number = len(plain.calls("GET", "/referrers/"))
        body = {"manifests": [{**entry, "digest": "sha256:" + str(number) * 64}]}
        headers = {"Content-Type": INDEX}
        if number < 3:
            headers["Link"] = f'</v2/team/app/referrers/{digest}?n={number}>; rel="next"'
        return Reply(200, headers, json.dumps(body).encode())

    plain.fault = page
    client, _ = opened(stack, plain)
    assert [d.digest[-1] for d in referrers.listed(client, digest)] == ["1", "2", "3"]

    def endless(_: Seen) -> Reply:
        return Reply(
            200, {"Content-Type": INDEX, "Link": '<?n=1>; rel="next"'}, b'{"manifests":[]}'
        )

    plain.fault = endless
    with pytest.raises(RegistryError, match="without end"):
        referrers.listed(client, digest)


def test_swapped_and_dangling_referrers_prove_nothing(
    fake: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    good, _ = published(fake, layout, signer)
    evil = tiny.image(layout, salt=b"evil")
    registry.push(layout, evil, str(target(fake)))
    entries = [d.to_json() for d in referrers.referrers(str(target(fake)), good.digest)]
    entries.append({"mediaType": MANIFEST, "digest": "sha256:" + "9" * 64, "size": 5})
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    fake.fault = lambda seen: (
        Reply(200, {"Content-Type": INDEX}, body) if "/referrers/" in seen.path else None
    )
    with pytest.raises(EvidenceError, match="no valid signature"):
        verify.verify_registry(f"{target(fake)}@{evil.digest}", demanded.by(signer))
    proven = verify.verify_registry(f"{target(fake)}@{good.digest}", demanded.by(signer))
    assert proven.digest == good.digest


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_a_registry_that_changes_a_referrer_proves_nothing(
    fake: FakeRegistry, layout: Layout, signer: KeySigner, kind: str
) -> None:
    image, _ = published(fake, layout, signer)
    for digest in [d.digest for d in referrers.referrers(str(target(fake)), image.digest)]:
        media, data = fake.manifests[digest]
        if kind == "manifests":
            fake.manifests[digest] = (media, data + b" ")
        else:
            blob = json.loads(data)["layers"][0]["digest"]
            fake.blobs[blob] = fake.blobs[blob].replace(b"a", b"b", 1)
    with pytest.raises((RegistryError, EvidenceError)):
        verify.verify_registry(f"{target(fake)}:1", demanded.by(signer))


def test_the_tag_is_resolved_once(fake: FakeRegistry, layout: Layout, signer: KeySigner) -> None:
    published(fake, layout, signer)
    fake.seen.clear()
    verify.verify_registry(f"{target(fake)}:1", demanded.by(signer))
    assert len(fake.calls("GET", "/manifests/1")) == 1


@pytest.mark.parametrize("seed", range(40))
def test_random_failures_end_in_success_or_an_error_of_ours(
    plain: FakeRegistry, layout: Layout, signer: KeySigner, seed: int
) -> None:
    import random

    dice = random.Random(seed)  # noqa: S311 - repeatable dice
    junk = [
        lambda: Reply(dice.choice([200, 201, 202, 204, 206, 301, 400, 401, 404, 416, 418])),
        lambda: Reply(200, {"Content-Type": INDEX}, b'{"manifests":{}}'),
        lambda: Reply(200, {"Content-Type": MANIFEST}, dice.randbytes(64)),
        lambda: Reply(202, {"Location": "http://[x"}),
        lambda: Reply(401, {"WWW-Authenticate": 'Bearer realm="\\"", Basic ,,='}),
        lambda: Reply(200, {}, b"abc", cut=True),
    ]
    plain.fault = lambda _: dice.choice(junk)() if dice.random() < 0.1 else None
    image = tiny.image(layout)
    found = evidence(layout, image, signer)

    def go() -> None:
        sent(plain, layout, image, found, signer, ("1",))

    try:
        go()
    except ImgforgeError:
        plain.fault = lambda _: None
        if "1" in plain.tags:
            verify.verify_registry(f"{target(plain)}:1", demanded.by(signer))
