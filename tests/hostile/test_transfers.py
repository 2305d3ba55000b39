"""Blobs to and from registries that cut, lie about sizes and places, drag on or never end."""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import tiny
from fakeregistry import FakeRegistry, Reply, Seen, serve

from imgforge.errors import RegistryError, TransientError
from imgforge.oci import registry, transport, upload
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import LAYER_TAR, Descriptor, sha256

CHUNK = 1000
DATA = random.Random(5).randbytes(10_500)  # noqa: S311 - repeatable bytes
BLOB = Descriptor(LAYER_TAR, sha256(DATA), len(DATA))


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "IMGFORGE_INSECURE_REGISTRIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(upload, "CHUNK", CHUNK)
    monkeypatch.setattr(upload, "_PIECE", 100)
    monkeypatch.setattr(upload, "WORTH", CHUNK)
    monkeypatch.setattr(transport, "WORTH", CHUNK)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def fake(stack: ExitStack) -> FakeRegistry:
    return stack.enter_context(serve(FakeRegistry()))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.create(tmp_path / "layout")
    made.add(DATA, LAYER_TAR)
    return made


class Told:
    """What ``progress`` was told."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, count: int) -> None:
        assert count > 0
        self.counts.append(count)


def client(stack: ExitStack, fake: FakeRegistry, waits: list[float] | None = None) -> Registry:
    waited: list[float] = [] if waits is None else waits
    reference = Reference.parse(f"{fake.place}/team/app")
    return stack.enter_context(Registry(reference, pause=waited.append))


def times(count: int, then: Callable[[Seen], Reply | None]) -> Callable[[Seen], Reply | None]:
    """Answer the first ``count`` requests for blobs' bytes with ``then``."""
    left = [count]

    def fault(seen: Seen) -> Reply | None:
        if seen.method != "GET" or f"/blobs/{BLOB.digest}" not in seen.path or left[0] == 0:
            return None
        left[0] -= 1
        return then(seen)

    return fault


def fetched(source: Registry, folder: Path, told: Told | None = None) -> bytes:
    with (folder / "file").open("w+b") as file:
        file.write(b"what was there before")
        source.copy_blob(BLOB, file, told or Told())
        file.seek(0)
        return file.read()


# Downloads.


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_cut_download_goes_on_where_it_broke(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path, *, ranges: bool
) -> None:
    fake.blobs[BLOB.digest] = DATA
    fake.ranges = ranges
    fake.fault = times(1, lambda _: Reply(200, {}, DATA, cut_at=4000))
    told = Told()
    assert fetched(client(stack, fake), tmp_path, told) == DATA
    assert fake.calls("GET", "/blobs/")[1].headers["range"] == "bytes=4000-"
    assert sum(told.counts) == len(DATA)


def test_a_download_may_break_as_often_as_it_comes_further(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    def cut(seen: Seen) -> Reply:
        start = int(seen.headers.get("range", "bytes=0-")[6:-1])
        if start == 0:
            return Reply(200, {}, DATA, cut_at=CHUNK)
        place = f"bytes {start}-{len(DATA) - 1}/*"
        return Reply(206, {"Content-Range": place}, DATA[start:], cut_at=CHUNK)

    fake.fault = times(99, cut)
    waits: list[float] = []
    assert fetched(client(stack, fake, waits), tmp_path) == DATA
    assert len(waits) == 10
    assert max(waits) < 0.3


def test_a_download_that_comes_no_further_ends(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    fake.blobs[BLOB.digest] = DATA
    fake.fault = times(99, lambda _: Reply(200, {}, DATA, cut_at=3000))
    with pytest.raises(TransientError, match="failed 5 times"):
        fetched(client(stack, fake), tmp_path)
    assert len(fake.calls("GET", "/blobs/")) <= 2 * transport.ATTEMPTS


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\n\r\n" + DATA[:99]],
    ids=["before the answer", "in its first line", "in its headers", "with no length"],
)
def test_a_connection_that_is_cut_anywhere_is_tried_again(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path, raw: bytes
) -> None:
    fake.blobs[BLOB.digest] = DATA
    fake.fault = times(2, lambda _: Reply(0, raw=raw))
    assert fetched(client(stack, fake), tmp_path) == DATA


@pytest.mark.parametrize(
    "place",
    ["bytes 0-10499/10500", "bytes 3999-10499/10500", "bytes 4000-10499/9", "items 1", ""],
)
def test_another_part_than_asked_for_is_refused(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path, place: str
) -> None:
    parts = iter(
        [Reply(200, {}, DATA, cut_at=4000), Reply(206, {"Content-Range": place}, DATA[4000:])]
    )
    fake.fault = times(2, lambda _: next(parts))
    with pytest.raises(RegistryError, match="another part"):
        fetched(client(stack, fake), tmp_path)


def test_a_part_that_nobody_asked_for_is_refused(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    place = {"Content-Range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}"}
    fake.fault = lambda _: Reply(206, place, DATA)
    with pytest.raises(RegistryError, match="status 206"):
        fetched(client(stack, fake), tmp_path)


def test_a_wrong_part_is_noticed_and_the_whole_asked_for(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    fake.blobs[BLOB.digest] = DATA
    place = {"Content-Range": f"bytes 4000-{len(DATA) - 1}/{len(DATA)}"}
    parts = iter([Reply(200, {}, DATA, cut_at=4000), Reply(206, place, bytes(len(DATA) - 4000))])
    fake.fault = times(2, lambda _: next(parts))
    assert fetched(client(stack, fake), tmp_path) == DATA
    assert "range" not in fake.calls("GET", "/blobs/")[2].headers


def test_a_registry_that_has_no_such_range_any_more_is_asked_for_the_whole(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    fake.blobs[BLOB.digest] = DATA
    parts = iter([Reply(200, {}, DATA, cut_at=4000), Reply(416)])
    fake.fault = times(2, lambda _: next(parts))
    assert fetched(client(stack, fake), tmp_path) == DATA


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data + b"x", "gives over"),
        (lambda data: data[:-1], "do not match"),
        (lambda data: data[:-1] + b"?", "do not match"),
        (lambda _: b"", "do not match"),
    ],
    ids=["longer", "shorter", "other", "none"],
)
def test_a_blob_that_lies_is_not_asked_for_again(
    fake: FakeRegistry,
    stack: ExitStack,
    tmp_path: Path,
    change: Callable[[bytes], bytes],
    reason: str,
) -> None:
    fake.blobs[BLOB.digest] = change(DATA)
    with pytest.raises(RegistryError, match=reason):
        fetched(client(stack, fake), tmp_path)
    assert len(fake.calls("GET", "/blobs/")) == 1


def test_a_rest_that_is_too_long_is_refused(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    place = {"Content-Range": f"bytes 4000-{len(DATA) - 1}/{len(DATA)}"}
    parts = iter([Reply(200, {}, DATA, cut_at=4000), Reply(206, place, DATA[4000:] + b"x")])
    fake.fault = times(2, lambda _: next(parts))
    with pytest.raises(RegistryError, match="gives over"):
        fetched(client(stack, fake), tmp_path)


def test_a_body_without_end_is_cut_off(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path
) -> None:
    fake.fault = lambda _: Reply(200, {}, DATA, endless=True)
    with pytest.raises(RegistryError, match="gives over"):
        fetched(client(stack, fake), tmp_path)
    with pytest.raises(RegistryError, match="gives over"):
        client(stack, fake).find("1")


def test_a_body_that_drags_on_is_given_up(
    fake: FakeRegistry, stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_GRACE", 0.05)
    fake.fault = lambda _: Reply(200, {}, b"x", endless=True, pause=0.03)
    with pytest.raises(TransientError, match="too slowly"):
        fetched(client(stack, fake), tmp_path)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * (200 << 10) + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(30_000)) + b"\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    ],
    ids=["a huge header", "many headers", "another protocol", "two lengths"],
)
def test_an_answer_that_is_no_http_is_said_at_once(
    fake: FakeRegistry, stack: ExitStack, raw: bytes
) -> None:
    fake.fault = lambda _: Reply(0, raw=raw)
    with pytest.raises(RegistryError, match="not answered in HTTP"):
        client(stack, fake).find("1")
    assert len(fake.seen) == 1


# Uploads.


def put(source: Registry, layout: Layout, told: Told | None = None) -> bool:
    return source.put_blob(layout, BLOB, progress=told or Told())


def hanging_up(method: str, moments: list[int]) -> Callable[[str, str], int | None]:
    """Close connections after so many bytes of each request with ``method`` and a body."""

    def hang_up(called: str, _: str) -> int | None:
        return moments.pop(0) if called == method and moments else None

    return hang_up


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "forgotten"])
def test_a_broken_upload_goes_on_where_it_broke(
    fake: FakeRegistry, stack: ExitStack, layout: Layout, *, keeps: bool
) -> None:
    fake.keeps = keeps
    fake.hang_up = hanging_up("PUT", [4321])
    told = Told()
    assert put(client(stack, fake), layout, told)
    assert fake.blobs == {BLOB.digest: DATA}
    ranges = [seen.headers["content-range"] for seen in fake.calls("PATCH")]
    assert ranges[0] == ("4321-5320" if keeps else "0-999")
    assert len(fake.calls("POST")) == (1 if keeps else 2)
    assert sum(told.counts) == len(DATA)


def test_pieces_that_break_go_on_where_they_broke(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    moments = [0, 400, 999, 1, 500]
    fake.hang_up = hanging_up("PATCH", moments)
    fake.fault = lambda seen: (
        Reply(413) if seen.method == "PUT" and "uploads" in seen.path and seen.body else None
    )
    told = Told()
    assert put(client(stack, fake), layout, told)
    assert moments == []
    assert fake.blobs == {BLOB.digest: DATA}
    assert sum(told.counts) == len(DATA)
    assert len(fake.calls("POST")) == 2


def test_an_upload_that_comes_no_further_ends(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    fake.hang_up = lambda method, _: 10 if method in ("PUT", "PATCH") else None
    fake.keeps = False
    with pytest.raises(TransientError, match="failed 5 times"):
        put(client(stack, fake), layout)
    assert fake.blobs == {}


def test_a_small_blob_is_sent_whole_again(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    small = layout.add(b"small", LAYER_TAR)
    fake.hang_up = hanging_up("PUT", [1, 2])
    assert client(stack, fake).put_blob(layout, small)
    assert fake.blobs == {small.digest: b"small"}
    assert fake.calls("PATCH") == []


def test_an_upload_whose_last_answer_was_lost_is_not_sent_again(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    lost = [True]

    def fault(seen: Seen) -> Reply | None:
        if seen.method == "PUT" and lost.pop():
            fake.blobs[BLOB.digest] = seen.body
            return Reply(0, raw=b"")
        return None

    fake.fault = fault
    assert put(client(stack, fake), layout)
    assert len(fake.calls("PUT")) == 1


@pytest.mark.parametrize(
    "status",
    [
        Reply(404),
        Reply(416),
        Reply(204, {"Range": "0-99999999"}),
        Reply(204, {"Range": "all"}),
        Reply(204),
    ],
    ids=["unknown", "out of range", "beyond the end", "no range", "nothing said"],
)
def test_an_upload_that_the_registry_knows_nothing_of_is_begun_anew(
    fake: FakeRegistry, stack: ExitStack, layout: Layout, status: Reply
) -> None:
    fake.hang_up = hanging_up("PUT", [4321])
    fake.fault = lambda seen: status if seen.method == "GET" and "uploads" in seen.path else None
    assert put(client(stack, fake), layout)
    assert fake.blobs == {BLOB.digest: DATA}


def test_a_registry_that_lies_about_what_it_has_gets_it_anew(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    fake.hang_up = hanging_up("PUT", [4321])

    def fault(seen: Seen) -> Reply | None:
        if seen.method == "GET" and "uploads" in seen.path:
            session = seen.path.rpartition("/")[2].partition("?")[0]
            fake.uploads[session] = bytes(5000)
            return Reply(204, {"Range": "0-4999"})
        return None

    fake.fault = fault
    assert put(client(stack, fake), layout)
    assert fake.blobs == {BLOB.digest: DATA}


def test_a_registry_that_takes_less_than_was_sent_gets_the_rest(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    fake.fault = lambda seen: Reply(413) if seen.method == "PUT" and seen.body else None
    honest = fake._upload

    def stingy(seen: Seen, repository: str, session: str, query: dict[str, str]) -> Reply:
        if seen.method == "PATCH" and len(seen.body) > 600:
            seen.body = seen.body[: len(seen.body) * 6 // 10]
        return honest(seen, repository, session, query)

    fake._upload = stingy  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload, "WORTH", 100)
        assert put(client(stack, fake), layout)
    assert fake.blobs == {BLOB.digest: DATA}


def test_a_registry_that_takes_nothing_of_a_piece_is_given_up(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    def fault(seen: Seen) -> Reply | None:
        if seen.method == "PUT" and seen.body:
            return Reply(413)
        if seen.method == "PATCH":
            return Reply(202, {"Location": seen.path, "Range": "0-0"})
        return None

    fake.fault = fault
    with pytest.raises(TransientError, match="took 0 bytes"):
        put(client(stack, fake), layout)


@pytest.mark.parametrize("least", ["3000", "99999999999999999999", "-1", "x"])
def test_the_least_length_of_a_piece_is_minded(
    fake: FakeRegistry, stack: ExitStack, layout: Layout, least: str
) -> None:
    def fault(seen: Seen) -> Reply | None:
        if seen.method == "PUT" and seen.body:
            return Reply(413)
        if seen.method == "POST":
            session = str(len(fake.uploads))
            fake.uploads[session] = b""
            where = {"Location": f"{session}?state=x", "OCI-Chunk-Min-Length": least}
            return Reply(202, where)
        return None

    fake.fault = fault
    assert put(client(stack, fake), layout)
    assert fake.blobs == {BLOB.digest: DATA}
    lengths = [len(seen.body) for seen in fake.calls("PATCH")]
    first = {"3000": 3000, "99999999999999999999": len(DATA)}.get(least, CHUNK)
    assert lengths[0] == first


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_blob_that_may_not_be_mounted_is_sent(
    fake: FakeRegistry, stack: ExitStack, layout: Layout, status: int
) -> None:
    fake.fault = lambda seen: Reply(status) if "mount=" in seen.path else None
    assert client(stack, fake).put_blob(layout, BLOB, "team/other")
    assert fake.blobs == {BLOB.digest: DATA}


def test_a_mounted_blob_counts_as_done(
    fake: FakeRegistry, stack: ExitStack, layout: Layout
) -> None:
    fake.blobs[BLOB.digest] = DATA
    fake.fault = lambda seen: Reply(404) if seen.method == "HEAD" else None
    told = Told()
    assert not client(stack, fake).put_blob(layout, BLOB, "other", told)
    assert told.counts == [len(DATA)]


def test_the_first_that_fails_stops_the_others(fake: FakeRegistry, layout: Layout) -> None:
    image = tiny.image(layout)
    blobs = [layout.add(bytes([n]) * 9, LAYER_TAR) for n in range(30)]
    manifest = layout.read_json(image)
    manifest["layers"] = [blob.to_json() for blob in blobs]
    top = layout.add_json(manifest, image.media_type)
    slow = threading.Event()

    def fault(seen: Seen) -> Reply | None:
        if seen.method == "HEAD" and blobs[0].digest in seen.path:
            slow.wait(5)
            return Reply(403)
        if seen.method == "HEAD":
            slow.set()
            return Reply(503, {"Retry-After": "30"})
        return None

    fake.answer = lambda seen: fault(seen) or Reply(404)  # type: ignore[method-assign]
    started = time.monotonic()
    with (
        Registry(Reference.parse(f"{fake.place}/team/app")) as source,
        pytest.raises(RegistryError, match="status 403"),
    ):
        source.put_image(layout, top)
    assert time.monotonic() - started < 5


def test_progress_of_an_image_adds_up(fake: FakeRegistry, layout: Layout, tmp_path: Path) -> None:
    top = tiny.index(layout, tiny.image(layout), tiny.image(layout, "arm64", b"x"))
    there, back, again = Told(), Told(), Told()
    name = f"{fake.place}/team/app"
    registry.push(layout, top, name, progress=there)
    registry.push(layout, top, name, progress=again)
    registry.pull(name, top.digest, Layout.create(tmp_path / "other"), progress=back)
    total = registry.weight(layout, top)
    assert [sum(told.counts) for told in (there, again, back)] == [total] * 3


def test_a_date_says_when_to_try_again(fake: FakeRegistry, stack: ExitStack) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=12)
    answers = [Reply(429, {"Retry-After": email.utils.format_datetime(later, usegmt=True)})]
    fake.fault = lambda _: answers.pop() if answers else None
    waits: list[float] = []
    client(stack, fake, waits).find("1")
    assert 9 < waits[0] <= 12


# Places.


@pytest.mark.parametrize(
    "place",
    [
        "https://localhost/x",
        "https://127.0.0.1:5000/x",
        "https://127.1/x",
        "https://0x7f000001/x",
        "https://2130706433/x",
        "https://0.0.0.0/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[::]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/x",
    ],
)
def test_a_registry_elsewhere_leads_to_nothing_that_only_this_machine_has(
    stack: ExitStack, place: str
) -> None:
    source = stack.enter_context(Registry(Reference.parse("registry.example.com/team/app")))
    with pytest.raises(RegistryError, match="which only this machine has"):
        source.http.join(place)
    assert str(source.http.join("https://cdn.example.com/x")) == "https://cdn.example.com/x"


def test_cookies_are_not_kept(fake: FakeRegistry, stack: ExitStack) -> None:
    fake.fault = lambda _: Reply(404, {"Set-Cookie": "session=1; Path=/"})
    source = client(stack, fake)
    source.find("1")
    source.find("2")
    assert all("cookie" not in seen.headers for seen in fake.seen)
