"""Tests of the service, over HTTP. Run in this folder: ``python3 -m unittest discover tests``."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
KEY = "k" * 32


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name)
        (self.data / "key").write_text(KEY)
        self.port = free_port()
        self.env = {
            **os.environ,
            "PUBLIC_URL": "https://notes.example.org/",
            "PORT": str(self.port),
            "DATA_DIR": str(self.data),
            "SESSION_KEY_FILE": str(self.data / "key"),
        }
        self.server = self.start()

    def start(self) -> subprocess.Popen[str]:
        server = subprocess.Popen(
            [sys.executable, "-m", "notes"],
            cwd=FOLDER,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        for _ in range(100):
            try:
                self.ask("GET", "/healthz")
            except OSError:
                time.sleep(0.1)
            else:
                return server
        raise AssertionError("the service does not answer")

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            data = None if body is None else json.dumps(body)
            sent = {"Content-Type": "application/json", **headers}
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def test_a_note_from_its_creation_to_its_removal(self) -> None:
        status, body, _ = self.ask(
            "POST", "/notes", {"title": "Plan <1>", "text": "# Hello\n\n*you*"}
        )
        self.assertEqual(status, 201)
        made = json.loads(body)
        self.assertEqual(made["url"], f"https://notes.example.org/notes/{made['id']}")
        path = f"/notes/{made['id']}"
        key = {"Authorization": f"Bearer {made['edit_key']}"}

        status, page, headers = self.ask("GET", path)
        self.assertEqual(status, 200)
        self.assertIn("<h1>Hello</h1>", page)
        self.assertIn("<title>Plan &lt;1&gt;</title>", page)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])

        self.assertEqual(self.ask("PUT", path, {"title": "New", "text": "new"})[0], 403)
        self.assertEqual(self.ask("PUT", path, {"title": "New", "text": "new"}, **key)[0], 204)
        self.assertEqual(self.ask("GET", f"{path}/text")[1], "new")
        self.assertEqual(json.loads(self.ask("GET", "/healthz")[1]), {"status": "ok", "notes": 1})
        self.assertEqual(self.ask("DELETE", path, **key)[0], 204)
        self.assertEqual(self.ask("GET", path)[0], 404)
        self.assertEqual(self.ask("DELETE", path, **key)[0], 404)

    def test_a_page_runs_nobody_elses_script(self) -> None:
        text = "<script>alert(1)</script> [x](javascript:alert(1)) ![](http://e.example/a.png)"
        _, body, _ = self.ask("POST", "/notes", {"title": "<script>", "text": text})
        page = self.ask("GET", f"/notes/{json.loads(body)['id']}")[1]
        self.assertNotIn("<script", page)
        self.assertNotIn('href="javascript', page)

    def test_bodies_are_limited(self) -> None:
        self.assertEqual(self.ask("POST", "/notes", {"title": "", "text": ""})[0], 422)
        self.assertEqual(self.ask("POST", "/notes", {"title": "t", "text": "", "x": 1})[0], 422)
        self.assertEqual(self.ask("POST", "/notes", {"title": "t", "text": "a" * 300_000})[0], 413)

    def test_stops_when_asked_and_keeps_its_notes(self) -> None:
        made = json.loads(self.ask("POST", "/notes", {"title": "t", "text": "kept"})[1])
        self.server.send_signal(signal.SIGTERM)
        logs, _ = self.server.communicate(timeout=5)
        self.assertIn(self.server.returncode, (0, -signal.SIGTERM))
        for line in logs.splitlines():
            self.assertIn("message", json.loads(line))
        self.assertNotIn(KEY, logs)
        self.server = self.start()
        self.assertEqual(self.ask("GET", f"/notes/{made['id']}/text")[1], "kept")

    def test_the_health_check(self) -> None:
        command = [sys.executable, "-m", "notes", "--health"]
        self.assertEqual(
            subprocess.run(command, cwd=FOLDER, env=self.env, check=False).returncode, 0
        )
        env = {**self.env, "PORT": str(free_port())}
        self.assertEqual(subprocess.run(command, cwd=FOLDER, env=env, check=False).returncode, 1)

    def test_every_problem_of_the_configuration_is_named_at_once(self) -> None:
        env = {"PATH": os.environ["PATH"], "PORT": "0", "LOG_LEVEL": "loud", "DATA_DIR": "/none"}
        done = subprocess.run(
            [sys.executable, "-m", "notes"],
            cwd=FOLDER,
            env=env,
            check=False,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 2)
        for name in ("PUBLIC_URL", "PORT", "LOG_LEVEL", "DATA_DIR", "session key"):
            self.assertIn(name, done.stderr)


if __name__ == "__main__":
    unittest.main()
