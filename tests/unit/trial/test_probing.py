"""Probes: what is sent, and what counts as the right answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from imgforge.trial import probing
from imgforge.trial.expect import Probe


class Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        self.send_response(201)
        self.send_header("X-Type", self.headers.get("Content-Type", ""))
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers.get('X-Key', '')} ".encode() + body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def probe(**settings: object) -> Probe:
    return Probe.model_validate({"method": "POST", "path": "/x", "status": 201, **settings})


def test_what_a_body_names_is_filled_into_later_probes(port: int) -> None:
    wrong, named = probing.judge(port, probe(json={"id": "a1"}, body='"id": "(?P<id>[^"]+)"'), {})
    assert (wrong, named) == ("", {"id": "a1"})
    later = probe(path="/{id}", headers={"X-Key": "k{id}"}, text="", body="^/a1 ka1 $")
    assert probing.judge(port, later, named) == ("", {})


def test_a_name_that_nobody_gave_is_told(port: int) -> None:
    assert "no answer" in probing.judge(port, probe(path="/{id}"), {})[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"status": 200}, "status 201, not 200"),
        ({"body": "^nothing$"}, "'^nothing$' is not found"),
        ({"answers": {"X-Type": "html"}}, "header X-Type is ''"),
        ({"answers": {"X-Type": ""}}, "header X-Type is ''"),
    ],
)
def test_wrong_answers_are_told(port: int, settings: dict[str, object], words: str) -> None:
    assert words in probing.judge(port, probe(text="", **settings), {})[0]


def test_headers_of_the_answer(port: int) -> None:
    wanted = {"x-type": "^application/json$", "X-None": ""}
    assert probing.judge(port, probe(json=1, answers=wanted), {}) == ("", {})


def test_nobody_there_is_told() -> None:
    assert "no answer" in probing.judge(1, probe(), {})[0]
