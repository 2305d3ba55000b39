"""PHP: FPM behind nginx, the built-in server, and packages from a private repository."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import guardedindex
import pytest
from guardedindex import GuardedIndex
from running import EXAMPLES, docker, imgforge

KEY = "made-up-key-of-this-test"
WORD = "made-up-word-of-this-test"
"""The password."""

CONFINED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp"),
)
RELEVANT = ("name", "version", "require", "require-dev", "repositories", "minimum-stability")
"""Of what Composer makes its content hash (Locker), as far as it is used here."""


@pytest.fixture(scope="module")
def example(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """Build and load both images of the example; return its folder."""
    folder = tmp_path_factory.mktemp("php") / "php-web"
    shutil.copytree(EXAMPLES / "php-web", folder, ignore=shutil.ignore_patterns(".imgforge"))
    for place, by in ((folder, "buildkit"), (folder / "front", "native")):
        imgforge("lock", "--upgrade", cwd=place)
        imgforge("build", "--engine", by, "--load", cwd=place)
    return folder


@contextmanager
def running(*arguments: str | Path) -> Iterator[str]:
    """Run a container; yield its name, and remove it."""
    name = docker("run", "--detach", *CONFINED, *arguments).stdout.strip()
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def until_well(name: str) -> None:
    end = time.monotonic() + 30
    check = ("exec", name, "/usr/bin/php", "-n", "/opt/php/health.php")
    while docker(*check, code=None).returncode != 0:
        if time.monotonic() > end:
            pytest.fail(docker("logs", name).stderr)
        time.sleep(0.1)


def ask(
    name: str, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    """Ask the published port; it may take a moment to listen."""
    port = int(docker("port", name, "8080").stdout.splitlines()[0].rpartition(":")[2])
    end = time.monotonic() + 20
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        except (ConnectionError, http.client.HTTPException):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        finally:
            connection.close()


def stopped(name: str) -> int:
    """Stop a container as its image says; return the exit code."""
    docker("stop", "--timeout", "20", name)
    return int(docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout)


def test_fpm_answers_behind_nginx_in_one_pod(example: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY, encoding="utf-8")
    key.chmod(0o444)
    mounts = ("--mount", "type=volume,destination=/data", "--publish", "127.0.0.1::8080")
    secret = f"type=bind,source={key},destination=/run/secrets/moderation-key,readonly"
    with running(*mounts, "--mount", secret, "acme/guestbook:1.0.0") as fpm:
        until_well(fpm)
        with running("--network", f"container:{fpm}", "acme/guestbook-front:1.0.0") as front:
            assert ask(fpm, "GET", "/healthz")[:2] == (200, '{"status":"ok","entries":0}')
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            text = "name=Ann&text=%3Cb%3E+see+https://example.org/x"
            status, _, headers = ask(fpm, "POST", "/entries", text, **form)
            assert (status, headers["Location"]) == (303, "/#entry-1")
            page = ask(fpm, "GET", "/")[1]
            assert '<p>&lt;b&gt; see <a href="https://example.org/x" rel="nofollow ugc">' in page
            assert ask(fpm, "GET", "/style.css")[2]["Content-Type"] == "text/css"
            assert ask(fpm, "GET", "/../src/Book.php")[0] in {400, 404}
            assert ask(fpm, "GET", "/style.css/x.php")[0] == 404
            assert ask(fpm, "DELETE", "/entries/1")[0] == 403
            assert ask(fpm, "DELETE", "/entries/1", Authorization=f"Bearer {KEY}")[0] == 204
            assert stopped(front) == 0
        assert stopped(fpm) == 0
        logs = docker("logs", fpm)
        assert "fpm-ping" not in logs.stdout + logs.stderr
    assert (example / ".imgforge/evidence").is_dir()


def test_the_number_of_workers_is_given_when_it_runs(example: Path) -> None:
    assert example.is_dir()
    with running("--env", "FPM_WORKERS=3", "acme/guestbook:1.0.0") as fpm:
        until_well(fpm)
        assert docker("top", fpm, "-eo", "pid,args").stdout.count("pool www") == 3
    with running("--env", "FPM_WORKERS=many", "acme/guestbook:1.0.0") as fpm:
        assert docker("wait", fpm).stdout.strip() not in {"0", ""}


def test_built_in_server_serves_and_ends_when_asked(example: Path, tmp_path: Path) -> None:
    folder = tmp_path / "built-in"
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".imgforge"))
    spec = (folder / "imgforge.toml").read_text(encoding="utf-8")
    spec = spec.replace("[stack.parameters]", '[stack.parameters]\nserver = "built-in"')
    spec = spec.replace("acme/guestbook", "test/built-in")
    (folder / "imgforge.toml").write_text(spec, encoding="utf-8")
    imgforge("build", "--engine", "buildkit", "--load", cwd=folder)
    mounts = ("--mount", "type=volume,destination=/data", "--publish", "127.0.0.1::8080")
    with running(*mounts, "test/built-in:1.0.0") as server:
        until_well(server)
        assert ask(server, "GET", "/healthz")[:2] == (200, '{"status":"ok","entries":0}')
        assert stopped(server) == 0


def test_lock_that_does_not_fit_is_refused_with_what_mends_it(
    example: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stale"
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".imgforge"))
    manifest = folder / "composer.json"
    text = manifest.read_text(encoding="utf-8").replace('"^1.1"', '"^1.0"')
    manifest.write_text(text, encoding="utf-8")
    failed = imgforge("build", "--engine", "buildkit", cwd=folder, code=4)
    assert "composer update --lock" in failed.stderr


def packed() -> bytes:
    """Return a package as Composer downloads it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        manifest = {"name": "acme/greet", "autoload": {"psr-4": {"Acme\\Greet\\": "src/"}}}
        archive.writestr("greet-1/composer.json", json.dumps(manifest))
        code = "<?php\nnamespace Acme\\Greet;\nfinal class Day { const GOOD = 'good day'; }\n"
        archive.writestr("greet-1/src/Day.php", code)
    return out.getvalue()


def content_hash(manifest: dict[str, Any]) -> str:
    kept = {name: manifest[name] for name in sorted(RELEVANT) if name in manifest}
    text = json.dumps(kept, separators=(",", ":")).replace("/", "\\/")
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def repository(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedIndex]:  # noqa: ARG001
    """Serve one package to whoever has the password."""
    credential = "Basic " + base64.b64encode(f"ada:{WORD}".encode()).decode()
    with guardedindex.started(tmp_path_factory.mktemp("composer"), credential) as index:
        index.files = {"/greet-1.zip": packed(), "/packages.json": b'{"packages": {}}'}
        yield index


def test_packages_come_from_a_private_repository_with_its_authority_and_password(
    repository: GuardedIndex, example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "php-private"
    folder.mkdir()
    zipped = repository.files["/greet-1.zip"]
    manifest: dict[str, Any] = {
        "name": "acme/app",
        "require": {"acme/greet": "1.0.0"},
        "repositories": [{"type": "composer", "url": repository.url}, {"packagist.org": False}],
    }
    greet = {
        "name": "acme/greet",
        "version": "1.0.0",
        "type": "library",
        "dist": {
            "type": "zip",
            "url": f"{repository.url}/greet-1.zip",
            "shasum": hashlib.sha1(zipped, usedforsecurity=False).hexdigest(),
        },
        "autoload": {"psr-4": {"Acme\\Greet\\": "src/"}},
    }
    lock = {
        "content-hash": content_hash(manifest),
        "packages": [greet],
        "packages-dev": [],
        "aliases": [],
        "minimum-stability": "stable",
        "stability-flags": {},
        "prefer-stable": False,
        "prefer-lowest": False,
        "platform": {},
        "platform-dev": {},
        "plugin-api-version": "2.6.0",
    }
    spec = (
        '[image]\nname = "test/php-private"\nlicenses = "MIT"\nversion = "1"\n'
        '[stack]\nname = "php"\nversion = "8.4"\npackages = ["php8.4-sqlite3"]\n'
        'parameters = { server = "cli" }\n'
        '[app]\nsource = ["main.php"]\nlock = "composer.lock"\n'
        'entrypoint = ["/usr/bin/php", "/app/main.php"]\n'
    )
    main = "<?php\nrequire __DIR__.'/vendor/autoload.php';\necho Acme\\Greet\\Day::GOOD, \"\\n\";\n"
    (folder / "imgforge.toml").write_text(spec, encoding="utf-8")
    (folder / "imgforge.lock").write_bytes((example / "imgforge.lock").read_bytes())
    (folder / "composer.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "composer.lock").write_text(json.dumps(lock), encoding="utf-8")
    (folder / "main.php").write_text(main, encoding="utf-8")
    login = {"http-basic": {repository.address: {"username": "ada", "password": WORD}}}
    monkeypatch.setenv("COMPOSER_AUTH", json.dumps(login))
    monkeypatch.setenv("SSL_CERT_FILE", str(repository.bundle))
    imgforge("build", "--engine", "buildkit", "--load", cwd=folder)
    said = docker("run", "--rm", *CONFINED, "--network", "none", "test/php-private:latest")
    assert said.stdout == "good day\n"
    assert "/greet-1.zip" in repository.served
    kept = [p for p in (folder / ".imgforge").rglob("*") if p.is_file() and not p.is_symlink()]
    assert kept
    assert not [p for p in kept if WORD.encode() in p.read_bytes()]
