"""Ruby gems from a private index and from vendor/cache: what the lock names, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import guardedindex
import pytest
from guardedindex import GuardedIndex
from running import EXAMPLES, docker, imgforge

EXAMPLE = EXAMPLES / "ruby-web"
GEM = (EXAMPLE / "vendor/cache/acme-shortcode-1.2.0.gem").read_bytes()
SUM = hashlib.sha256(GEM).hexdigest()
WORD = "made-up-word-of-this-test"
"""The password."""

SPEC = """\
[image]
name = "test/{name}"
version = "1.0.0"
licenses = "MIT"

[stack]
name = "ruby"
version = "{version}"
parameters = {{ vendored = {vendored} }}

[app]
source = ["main.rb"]
lock = "Gemfile.lock"
entrypoint = ["/usr/bin/ruby", "/app/main.rb"]
"""
MAIN = """\
require "bundler/setup"
require "acme/shortcode"
puts Acme::Shortcode.encode(1234), Gem::Specification.find_by_name("acme-shortcode").version
"""


def project(folder: Path, *, version: str = "3.3", url: str = "") -> Path:
    """Make a project that needs one gem: of the index at ``url``, else of its vendor/cache."""
    folder.mkdir()
    remote = f"{url or 'https://rubygems.org'}/"
    gemfile = f'source "{remote}"\n\ngem "acme-shortcode", "~> 1.2"\n'
    lock = (EXAMPLE / "Gemfile.lock").read_text(encoding="utf-8")
    vendored = "false" if url else "true"
    spec = SPEC.format(name=folder.name, version=version, vendored=vendored)
    (folder / "imgforge.toml").write_text(spec, encoding="utf-8")
    (folder / "Gemfile").write_text(gemfile, encoding="utf-8")
    text = lock.replace("https://rubygems.org/", remote)
    (folder / "Gemfile.lock").write_text(text, encoding="utf-8")
    (folder / "main.rb").write_text(MAIN, encoding="utf-8")
    if not url:
        (folder / "vendor/cache").mkdir(parents=True)
        (folder / "vendor/cache/acme-shortcode-1.2.0.gem").write_bytes(GEM)
    return folder


def pinned(folder: Path) -> Path:
    imgforge("lock", cwd=folder)
    return folder


def built(folder: Path) -> str:
    """Build and load a project; return what its image prints."""
    imgforge("build", "--engine", "buildkit", "--load", cwd=folder)
    flags = ("--rm", "--read-only", "--cap-drop", "ALL", "--network", "none")
    return docker("run", *flags, f"test/{folder.name}:latest").stdout


@pytest.fixture(scope="module")
def gems(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedIndex]:  # noqa: ARG001
    """Serve one gem as a compact index does, to whoever has the password."""
    credential = "Basic " + base64.b64encode(f"ada:{WORD}".encode()).decode()
    with guardedindex.started(tmp_path_factory.mktemp("gems"), credential) as index:
        info = f"---\n1.2.0 |checksum:{SUM},ruby:>= 3.1\n".encode()
        listed = hashlib.md5(info, usedforsecurity=False).hexdigest()
        start = "created_at: 2025-01-01T00:00:00Z\n---\n"
        index.files = {
            "/versions": f"{start}acme-shortcode 1.2.0 {listed}\n".encode(),
            "/info/acme-shortcode": info,
            "/names": b"---\nacme-shortcode\n",
            "/gems/acme-shortcode-1.2.0.gem": GEM,
        }
        yield index


def test_gems_come_from_a_private_index_with_its_authority_and_password(
    gems: GuardedIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pinned(project(tmp_path / "ruby-private", url=gems.url))
    host = gems.address.partition(":")[0].replace(".", "__")
    config = tmp_path / "bundle-config"
    config.write_text(f'---\nBUNDLE_{host}: "ada:{WORD}"\n', encoding="utf-8")
    monkeypatch.setenv("BUNDLE_USER_CONFIG", str(config))
    monkeypatch.setenv("SSL_CERT_FILE", str(gems.bundle))
    assert built(folder) == "16JD\n1.2.0\n"
    assert "/gems/acme-shortcode-1.2.0.gem" in gems.served
    kept = [p for p in (folder / ".imgforge").rglob("*") if p.is_file() and not p.is_symlink()]
    assert kept
    assert not [p for p in kept if WORD.encode() in p.read_bytes()]


def test_older_ruby_installs_from_vendor_cache_twice_to_the_same_digest(
    engine: str,  # noqa: ARG001 - images are loaded into it
    tmp_path: Path,
) -> None:
    folder = project(tmp_path / "ruby-older", version="3.1")
    lock = folder / "Gemfile.lock"
    text = lock.read_text(encoding="utf-8")
    own = text.replace("2.6.7", "2.3.7")  # the Bundler that comes with Ruby 3.1; Debian has another
    assert own != text
    lock.write_text(own, encoding="utf-8", newline="\r\n")
    pinned(folder)
    assert built(folder) == "16JD\n1.2.0\n"
    first = (folder / ".imgforge/image/index.json").read_bytes()
    imgforge("build", "--engine", "buildkit", "--no-cache", cwd=folder)
    assert (folder / ".imgforge/image/index.json").read_bytes() == first


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("Gemfile.lock", SUM, "0" * 64, "not what Gemfile.lock names"),
        ("Gemfile.lock", f" sha256={SUM}", "", "no checksum in Gemfile.lock"),
        ("Gemfile", '"~> 1.2"', '"~> 1.3"', "bundle lock --add-checksums"),
        ("Gemfile.lock", "acme-shortcode (1.2.0)", "acme-shortcode (1.2.1)", "no checksum"),
    ],
    ids=["changed", "unlisted", "stale", "other"],
)
def test_what_the_lock_does_not_vouch_for_is_not_installed(  # noqa: PLR0917
    engine: str,  # noqa: ARG001 - it builds
    tmp_path: Path,
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    folder = pinned(project(tmp_path / "ruby-refused"))
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    failed = imgforge("build", "--engine", "buildkit", cwd=folder, code=4)
    assert said in failed.stderr
    assert not (folder / ".imgforge/image").exists()
