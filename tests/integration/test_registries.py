"""The registry client against real registries, each judged by what it does.

docker-registry 2.8 (no referrers API) as it comes, with TLS and a password, with client
certificates and with a token server; go-containerregistry's, which has the referrers API.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import authority
import httpx
import pytest
import tiny
import tokenserver
from cutting import cutting
from debianregistry import PASSWORD, TLS, USER, started
from running import run, tool
from tokenserver import TokenServer

from imgforge.errors import RegistryError, TransientError
from imgforge.oci import referrers, upload
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry, pull, push, resolve
from imgforge.oci.types import LAYER_TAR, Descriptor, sha256

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_NAMES = random.Random()  # noqa: S311 - names of repositories


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home directory with no log-in, certificate or setting."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "XDG_CONFIG_HOME", "IMGFORGE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    folder = tmp_path / "secured"
    folder.mkdir()
    authority.make(folder)
    return folder


@pytest.fixture(params=["registry", "referrers_registry"])
def either(request: pytest.FixtureRequest) -> str:
    """Return the place of a registry without and of one with the referrers API."""
    return str(request.getfixturevalue(request.param))


def name(place: str, repository: str = "team/app") -> str:
    return f"{place}/{repository}{_NAMES.randrange(10**12)}"


def made(layout: Layout) -> Descriptor:
    salt = _NAMES.randbytes(8)
    return tiny.index(layout, tiny.image(layout, salt=salt), tiny.image(layout, "arm64", salt))


def evidence(layout: Layout, subject: Descriptor, *texts: str) -> list[Descriptor]:
    return [layout.attach(subject, t.encode(), BUNDLE, {"which": t}) for t in texts]


def log_in(home: Path, place: str, **entry: str) -> None:
    (home / "config.json").write_text(json.dumps({"auths": {place: entry}}))


# As they come.


def test_an_image_goes_there_and_back_with_every_byte(
    either: str, layout: Layout, tmp_path: Path
) -> None:
    top = made(layout)
    repository = name(either)
    assert push(layout, top, repository) == f"{repository}@{top.digest}"
    other = Layout.create(tmp_path / "other")
    pull(repository, top.digest, other)
    for path in (layout.path / "blobs/sha256").iterdir():
        assert (other.path / "blobs/sha256" / path.name).read_bytes() == path.read_bytes()
    with pytest.raises(RegistryError, match="has no latest"):
        resolve(repository)


def test_the_real_skopeo_reads_what_was_pushed(either: str, layout: Layout) -> None:
    top = made(layout)
    repository = name(either)
    push(layout, top, repository)
    shown = run(
        *(tool("skopeo"), "inspect", "--raw", "--tls-verify=false"),
        f"docker://{repository}@{top.digest}",
    )
    assert sha256(shown.stdout.encode()) == top.digest


def test_referrers_are_listed_by_either_way(either: str, layout: Layout) -> None:
    top = made(layout)
    repository = name(either)
    push(layout, top, repository)
    found = evidence(layout, top, "one", "two", "three")
    with Registry(Reference.parse(repository)) as registry:
        referrers.attach(registry, layout, found)
        referrers.attach(registry, layout, found)
        listed = referrers.listed(registry, top.digest)
        fallback = registry.find(top.digest.replace(":", "-"))
        asked = registry.http.call(
            "GET", f"{registry.path}/referrers/{top.digest}", accept=(200, 404)
        )
    assert sorted(d.digest for d in listed) == sorted(d.digest for d in found)
    assert (fallback is None) == (asked.status == 200)


def test_blobs_are_mounted_from_another_repository(either: str, layout: Layout) -> None:
    top = made(layout)
    source, target = name(either), name(either)
    push(layout, top, source)
    blob = layout.read_json(layout.images(top)[0])["layers"][0]
    descriptor = Descriptor.from_json(blob)
    mount = Reference.parse(source).repository
    with Registry(Reference.parse(target)) as registry:
        began = registry.http.call(
            "POST",
            f"{registry.path}/blobs/uploads/?mount={descriptor.digest}&from={mount}",
            accept=(201, 202),
        )
    with Registry(Reference.parse(name(either))) as registry:
        there = registry.has_blob(descriptor.digest)
        sent = registry.put_blob(layout, descriptor, mount)
        assert registry.has_blob(descriptor.digest)
    # go-containerregistry's repositories share their blobs; docker's mounts them.
    assert there or began.status == 201
    assert not sent


def test_nothing_is_lost_when_many_attach_at_once(registry: str, layout: Layout) -> None:
    top = made(layout)
    repository = name(registry)
    push(layout, top, repository)
    writers = 8
    found = [
        evidence(layout, top, *(f"writer {n}, evidence {k}" for k in range(3)))
        for n in range(writers)
    ]
    together = threading.Barrier(writers)

    def attach(mine: list[Descriptor]) -> None:
        with Registry(Reference.parse(repository)) as client:
            together.wait()
            referrers.attach(client, layout, mine)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(attach, found))
    expected = sorted(d.digest for mine in found for d in mine)
    assert sorted(d.digest for d in referrers.referrers(repository, top.digest)) == expected
    with Registry(Reference.parse(repository)) as client:
        index, data = client.find(top.digest.replace(":", "-")) or pytest.fail("no index")
    assert index.media_type == "application/vnd.oci.image.index.v1+json"
    assert sorted(entry["digest"] for entry in json.loads(data)["manifests"]) == expected


def test_evidence_that_was_deleted_does_not_keep_more_from_being_attached(
    registry: str, layout: Layout
) -> None:
    top = made(layout)
    repository = name(registry)
    push(layout, top, repository)
    gone, kept, new = evidence(layout, top, "gone", "kept", "new")
    with Registry(Reference.parse(repository)) as client:
        referrers.attach(client, layout, [gone, kept])
        client.http.call("DELETE", f"{client.path}/manifests/{gone.digest}", accept=(202,))
        referrers.attach(client, layout, [new])
        listed = {d.digest for d in referrers.listed(client, top.digest)}
    assert listed == {kept.digest, new.digest}


# Broken transfers: a connection that is cut on its way to the real registry.


@pytest.fixture
def large(layout: Layout) -> Descriptor:
    return layout.add(_NAMES.randbytes(24 << 20), LAYER_TAR)


def test_a_broken_download_goes_on_in_the_middle(
    either: str, layout: Layout, large: Descriptor, stack: ExitStack, tmp_path: Path
) -> None:
    repository = name(either)
    with Registry(Reference.parse(repository)) as registry:
        registry.put_blob(layout, large)
    down = [20 << 20, 2 << 20]
    line = stack.enter_context(cutting(either, up=[], down=down))
    reached: list[int] = []
    through = repository.replace(either, line)
    with Registry(Reference.parse(through)) as registry, (tmp_path / "file").open("w+b") as file:
        registry.copy_blob(large, file, reached.append)
        file.seek(0)
        assert sha256(file.read()) == large.digest
    assert down == []
    assert sum(reached) == large.size


def test_a_broken_upload_arrives(
    either: str,
    layout: Layout,
    large: Descriptor,
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upload, "CHUNK", 4 << 20)
    up = [20 << 20, 9 << 20, 1000]
    line = stack.enter_context(cutting(either, up=up, down=[]))
    repository = name(either)
    reached: list[int] = []
    through = repository.replace(either, line)
    with Registry(Reference.parse(through)) as registry:
        assert registry.put_blob(layout, large, progress=reached.append)
    assert up == []
    assert sum(reached) == large.size
    with Registry(Reference.parse(repository)) as registry:
        assert registry.has_blob(large.digest)


def test_a_registry_that_takes_no_blob_whole_gets_pieces(
    either: str, layout: Layout, large: Descriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload.Upload, "_whole", _refused)
    with Registry(Reference.parse(name(either))) as registry:
        assert registry.put_blob(layout, large)
        assert registry.has_blob(large.digest)


def _refused(_: upload.Upload) -> bool:
    """Do as after the answer 413, with the upload that was begun."""
    return False


# TLS and log-ins.


def test_a_password_and_an_authority_are_enough(
    registry_image: str, certificates: Path, layout: Layout, home: Path, tmp_path: Path
) -> None:
    auth = {"htpasswd": {"realm": "here", "path": "/secured/htpasswd"}}
    with started(registry_image, certificates, auth=auth, tls=TLS) as place:
        top = made(layout)
        with pytest.raises(RegistryError, match="is not trusted"):
            push(layout, top, name(place))
        trusting(tmp_path, place, certificates)
        with pytest.raises(RegistryError, match="status 401") as caught:
            push(layout, top, name(place))
        assert f"docker login {place}" in str(caught.value.hint)
        log_in(home, place, auth=BASIC)
        repository = name(place)
        push(layout, top, repository)
        assert resolve(f"{repository}@{top.digest}").digest == top.digest


def trusting(folder: Path, place: str, certificates: Path, *, pair: bool = False) -> None:
    """Set up ``certs.d`` of the user's own, where the real skopeo looks, too."""
    own = folder / "home/.config/containers/certs.d" / place
    own.mkdir(parents=True)
    (own / "ca.crt").write_bytes((certificates / "ca.pem").read_bytes())
    if pair:
        (own / "client.cert").write_bytes((certificates / "server.pem").read_bytes())
        (own / "client.key").write_bytes((certificates / "server.key").read_bytes())


def test_a_client_certificate_is_shown_where_it_is_meant(
    registry_image: str, certificates: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path = certificates.parent
    tls = {**TLS, "clientcas": ["/secured/ca.pem"]}
    with started(registry_image, certificates, tls=tls) as place:
        top = made(layout)
        repository = name(place)
        config = tmp_path / "config.toml"
        config.write_text(f'[registry.tls."{place}"]\nca = "secured/ca.pem"\n')
        monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
        with pytest.raises(RegistryError, match="client's certificate") as caught:
            push(layout, top, repository)
        assert f"certs.d/{place}" in str(caught.value.hint)
        config.write_text(
            f'[registry.tls."{place}"]\nca = "secured/ca.pem"\n'
            'certificate = "secured/server.pem"\nkey = "secured/server.key"\n'
        )
        push(layout, top, repository)
        monkeypatch.delenv("IMGFORGE_CONFIG")
        trusting(tmp_path, place, certificates, pair=True)
        assert resolve(f"{repository}@{top.digest}").digest == top.digest
        shown = run(tool("skopeo"), "inspect", "--raw", f"docker://{repository}@{top.digest}")
        assert sha256(shown.stdout.encode()) == top.digest


@pytest.fixture
def tokens(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with tokenserver.served(TokenServer(certificates, BASIC, "refresh me")) as server:
        yield server


@pytest.mark.parametrize("entry", [{"auth": BASIC}, {"identitytoken": "refresh me"}], ids=str)
def test_tokens_are_asked_for_by_password_or_identity_token(
    registry_image: str, tokens: TokenServer, layout: Layout, home: Path, entry: dict[str, str]
) -> None:
    certificates = tokens.folder
    with started(registry_image, certificates, auth=tokens.auth, tls=TLS) as place:
        top = made(layout)
        with pytest.raises(RegistryError, match="gave no token"):
            push(layout, top, name(place))
        log_in(home, place, **entry)
        push(layout, top, name(place))
    methods = {seen.method for seen in tokens.seen[-2:]}
    assert methods == {"POST" if "identitytoken" in entry else "GET"}


def test_a_token_that_ends_in_the_middle_of_a_push_is_renewed(
    registry_image: str, certificates: Path, tokens: TokenServer, layout: Layout, home: Path
) -> None:
    tokens.lifetime = 2
    with started(registry_image, certificates, auth=tokens.auth, tls=TLS) as place:
        log_in(home, place, auth=BASIC)
        top = made(layout)
        image, other = layout.images(top)
        with Registry(Reference.parse(name(place))) as registry:
            registry.put_image(layout, image)
            before = len(tokens.scopes)
            registry.put_blobs(layout, image)
            time.sleep(3.5)
            registry.put_image(layout, other)
            assert registry.find(other.digest) is not None
    assert len(tokens.scopes) > before


def test_a_mount_asks_to_pull_from_the_other_repository(
    registry_image: str, certificates: Path, tokens: TokenServer, layout: Layout, home: Path
) -> None:
    with started(registry_image, certificates, auth=tokens.auth, tls=TLS) as place:
        log_in(home, place, auth=BASIC)
        top = made(layout)
        source, allowed, denied = name(place), name(place), name(place)
        push(layout, top, source)
        blob = Descriptor.from_json(layout.read_json(layout.images(top)[0])["layers"][0])
        mount = Reference.parse(source).repository
        with Registry(Reference.parse(allowed)) as registry:
            assert not registry.put_blob(layout, blob, mount), "it was mounted"
        assert f"repository:{mount}:pull" in tokens.scopes[-1]
        tokens.allows = lambda repository: repository != mount
        with Registry(Reference.parse(denied)) as registry:
            assert registry.put_blob(layout, blob, mount), "it was sent"
            assert registry.has_blob(blob.digest)


def test_a_registry_that_stops_is_a_passing_failure(
    registry_image: str, tmp_path: Path, layout: Layout
) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    waits: list[float] = []
    with started(registry_image, folder) as place:
        assert httpx.get(f"http://{place}/v2/", trust_env=False).status_code == 200
    with (
        Registry(Reference.parse(name(place)), pause=waits.append) as registry,
        pytest.raises(TransientError, match="failed 5 times"),
    ):
        registry.put_image(layout, made(layout))
