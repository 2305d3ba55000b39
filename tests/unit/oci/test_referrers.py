from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import tiny
from fakeregistry import FakeRegistry, Reply, Seen, serve

from imgforge.errors import RegistryError, TransientError
from imgforge.oci import referrers
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import INDEX, MANIFEST, Descriptor, canonical_json, sha256

DIGEST = "sha256:" + "1" * 64
KIND = "application/vnd.example+json"


@pytest.fixture(autouse=True)
def _hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(referrers, "_SETTLE", 0.0)
    monkeypatch.setattr(referrers, "_LOOK", 0.0)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serve(FakeRegistry()) as fake:
        yield fake


@pytest.fixture
def client(fake: FakeRegistry) -> Iterator[Registry]:
    with ExitStack() as stack:
        name = Reference.parse(f"{fake.place}/team/app")
        yield stack.enter_context(Registry(name, pause=lambda _: None))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


def entries(count: int, start: int = 0) -> list[dict[str, object]]:
    return [
        {"mediaType": MANIFEST, "digest": f"sha256:{n:064x}", "size": 1}
        for n in range(start, start + count)
    ]


def page(found: list[dict[str, object]], link: str | None = None, **headers: str) -> Reply:
    body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found}
    further = {"Link": f'<{link}>; rel="next"'} if link else {}
    return Reply(200, {"Content-Type": INDEX, **further, **headers}, json.dumps(body).encode())


def test_thousands_of_referrers_are_not_read(fake: FakeRegistry, client: Registry) -> None:
    def endless(seen: Seen) -> Reply:
        start = len(fake.seen) * 100
        return page(entries(100, start), f"{seen.path.partition('?')[0]}?last={start}")

    fake.fault = endless
    with pytest.raises(RegistryError, match="lists over 512 referrers") as caught:
        referrers.listed(client, DIGEST)
    assert len(fake.seen) == 6
    assert "delete" in str(caught.value.hint)
    fake.seen.clear()
    fake.fault = lambda _: page(entries(5000))
    with pytest.raises(RegistryError, match="lists over 512 referrers"):
        referrers.listed(client, DIGEST)
    assert len(fake.seen) == 1


@pytest.mark.parametrize("link", ["?", "?last=1", "/v2/team/app/referrers/" + DIGEST])
def test_the_same_page_for_ever_ends(fake: FakeRegistry, client: Registry, link: str) -> None:
    fake.fault = lambda _: page(entries(1), link)
    with pytest.raises(RegistryError, match="without end"):
        referrers.listed(client, DIGEST)
    assert len(fake.seen) <= 3


def test_new_pages_with_nothing_new_end(fake: FakeRegistry, client: Registry) -> None:
    fake.fault = lambda _: page(entries(1), f"?last={len(fake.seen)}")
    with pytest.raises(RegistryError, match="without end"):
        referrers.listed(client, DIGEST)
    assert len(fake.seen) <= 64


def test_pages_of_another_place_are_not_asked_for(fake: FakeRegistry, client: Registry) -> None:
    with serve(FakeRegistry()) as other:
        fake.fault = lambda _: page(entries(1), f"http://{other.place}/v2/x")
        with pytest.raises(RegistryError, match="for more referrers"):
            referrers.listed(client, DIGEST)
        assert other.seen == []


def test_a_list_that_breaks_off_is_no_list(fake: FakeRegistry, client: Registry) -> None:
    fake.fault = lambda seen: Reply(404) if "last" in seen.path else page(entries(1), "?last=1")
    with pytest.raises(RegistryError, match="not to the end"):
        referrers.listed(client, DIGEST)


def test_a_filter_that_nobody_asked_for_is_refused(fake: FakeRegistry, client: Registry) -> None:
    fake.fault = lambda _: page(entries(1), **{"OCI-Filters-Applied": "artifactType"})
    with pytest.raises(RegistryError, match="holds back"):
        referrers.listed(client, DIGEST)


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"manifests":{}}', b'{"manifests":[{}]}', b"[]", b'{"manifests":[],"manifests":[]}'],
)
def test_a_malformed_list_is_refused(fake: FakeRegistry, client: Registry, body: bytes) -> None:
    fake.fault = lambda _: Reply(200, {"Content-Type": INDEX}, body)
    with pytest.raises(RegistryError, match="team/app"):
        referrers.listed(client, DIGEST)


@pytest.mark.parametrize("status", [400, 404, 405, 406, 200])
def test_without_the_api_the_fallback_tag_is_read(
    fake: FakeRegistry, client: Registry, status: int
) -> None:
    index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries(2)})
    fake.manifests[sha256(index)] = (INDEX, index)
    fake.tags[DIGEST.replace(":", "-")] = sha256(index)
    page_of_html = Reply(status, {"Content-Type": "text/html"}, b"<html>")
    fake.fault = lambda seen: page_of_html if "/referrers/" in seen.path else None
    assert len(referrers.listed(client, DIGEST)) == 2


# Attaching.


def made(layout: Layout, count: int) -> tuple[Descriptor, list[Descriptor]]:
    image = tiny.image(layout)
    return image, [layout.attach(image, b"%d" % n, KIND, {}) for n in range(count)]


def written(fake: FakeRegistry, image: Descriptor) -> list[str]:
    data = fake.manifests[fake.tags[image.digest.replace(":", "-")]][1]
    return [entry["digest"] for entry in json.loads(data)["manifests"]]


def test_all_are_added_in_one_write(fake: FakeRegistry, client: Registry, layout: Layout) -> None:
    image, found = made(layout, 3)
    referrers.attach(client, layout, found)
    assert written(fake, image) == [d.digest for d in found]
    assert len(fake.calls("PUT", "/manifests/sha256-")) == 1
    fake.seen.clear()
    referrers.attach(client, layout, found)
    assert fake.calls("PUT", "/manifests/sha256-") == []


def test_no_tag_is_written_where_the_api_lists_them(
    fake: FakeRegistry, client: Registry, layout: Layout
) -> None:
    _, found = made(layout, 2)
    fake.referrers_api = True
    referrers.attach(client, layout, found)
    assert fake.tags == {}
    honest = fake._manifest

    def silent(seen: Seen, name: str) -> Reply:
        reply = honest(seen, name)
        reply.headers.pop("OCI-Subject", None)
        return reply

    fake._manifest = silent  # type: ignore[method-assign]
    referrers.attach(client, layout, found)
    assert fake.tags == {}


def test_what_vanishes_after_a_while_is_added_again(
    fake: FakeRegistry, client: Registry, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, found = made(layout, 2)
    tag = image.digest.replace(":", "-")
    monkeypatch.setattr(referrers, "_SETTLE", 0.3)
    stale = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries(1)})
    reads = [0]

    def slow_writer(seen: Seen) -> None:
        # Another one, who read before we wrote, writes after we looked for the first time.
        if seen.method == "GET" and tag in seen.path and tag in fake.tags:
            reads[0] += 1
            if reads[0] == 2:
                fake.manifests[sha256(stale)] = (INDEX, stale)
                fake.tags[tag] = sha256(stale)

    fake.fault = slow_writer
    referrers.attach(client, layout, found)
    assert written(fake, image) == [f"sha256:{0:064x}", *(d.digest for d in found)]


def test_others_who_always_win_are_a_passing_failure(
    fake: FakeRegistry, client: Registry, layout: Layout
) -> None:
    _, found = made(layout, 1)
    fake.fault = lambda seen: (
        Reply(201) if seen.method == "PUT" and "/manifests/sha256-" in seen.path else None
    )
    with pytest.raises(TransientError, match="keep overwriting") as caught:
        referrers.attach(client, layout, found)
    assert caught.value.hint
    assert len(fake.calls("PUT", "/manifests/sha256-")) == 64


def test_a_tag_has_room_for_so_many(fake: FakeRegistry, client: Registry, layout: Layout) -> None:
    image, found = made(layout, 1)
    full = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries(512)})
    fake.manifests[sha256(full)] = (INDEX, full)
    fake.tags[image.digest.replace(":", "-")] = sha256(full)
    with pytest.raises(RegistryError, match="no room") as caught:
        referrers.attach(client, layout, found)
    assert "delete" in str(caught.value.hint)
    assert len(written(fake, image)) == 512


def test_an_unsound_tag_is_not_added_to(
    fake: FakeRegistry, client: Registry, layout: Layout
) -> None:
    image, found = made(layout, 1)
    wrong = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"size": "x"}]})
    fake.manifests[sha256(wrong)] = (INDEX, wrong)
    fake.tags[image.digest.replace(":", "-")] = sha256(wrong)
    with pytest.raises(RegistryError, match="malformed referrer"):
        referrers.attach(client, layout, found)


def test_a_referrer_of_nothing_is_refused(client: Registry, layout: Layout) -> None:
    with pytest.raises(RegistryError, match="refers to nothing"):
        referrers.attach(client, layout, [tiny.image(layout)])
