"""A stack of an organisation's own, and the catalogs that it can lie in."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from imgforge.catalogs import publication
from imgforge.signing import KeySealer
from imgforge.signing.signer import KeySigner

NAME = "acme-web"
TEMPLATE = """\
{% from "steps.j2" import run, copy_sources with context %}
{{ before }}
{{ copy_sources() }}
{% block build %}
{% call run() %}
mkdir -p /out; cp -r /src/. /out/;
echo {{ parameters.greeting | shell_word }} > /out/greeting;
{% endcall %}
{% endblock %}
"""
CHANGES = "# Changes\n\n## 1.1.0\n- Greets louder.\n\n## 1.0.0\n- First.\n"
SPEC = f"""\
[image]
name = "acme/web"
tags = ["1.0"]

[stack]
name = "{NAME}"

[app]
source = ["web"]
"""


def definition(version: str = "1.0.0", name: str = NAME, more: str = "") -> str:
    """Return a stack.toml; ``more`` stands at its end."""
    return f"""\
name = "{name}"
version = "{version}"
summary = "How we make web services"
default = "3.13"
lock = "none"

[versions."3.13"]
runtime = "python-3.13"
builder = "python-3.13-dev"

[parameters.greeting]
type = "string"
default = "hello"
pattern = "[a-z ]+"
doc = "What it says."

[[stages]]
name = "build"
template = "build.Dockerfile.j2"
destination = "/opt/web"

[runtime]
entrypoint = ["/usr/bin/python3", "-m", "web"]
env = {{ GREETING = "{{{{ parameters.greeting }}}}" }}
{more}"""


def write(folder: Path, version: str = "1.0.0", **files: str) -> Path:
    """Write a stack into ``folder``/acme-web (or where ``name`` says); return that."""
    name = files.pop("name", NAME)
    more = files.pop("more", "")
    own = folder / name
    texts = {
        "stack.toml": definition(version, name, more),
        "build.Dockerfile.j2": TEMPLATE,
        "CHANGELOG.md": CHANGES,
        **files,
    }
    for path, text in texts.items():
        (own / path).parent.mkdir(parents=True, exist_ok=True)
        (own / path).write_text(text, encoding="utf-8")
    return own


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, *catalogs: dict[str, Any]) -> Path:
    """Write settings with ``catalogs`` into ``folder``, and have them read."""
    import tomli_w

    path = folder / "config.toml"
    path.write_text(tomli_w.dumps({"catalogs": list(catalogs)}), encoding="utf-8")
    monkeypatch.setenv("IMGFORGE_CONFIG", str(path))
    return path


def publish(folder: Path, prefix: str, key: KeySigner) -> publication.Published:
    """Publish the stack in ``folder`` to a registry, signed."""
    found = publication.read(folder)
    return publication.into_registry(found, prefix, KeySealer(key), say=lambda _: None)


def git(folder: Path, *arguments: str) -> str:
    """Run git in ``folder``, with nobody's configuration; return what it prints."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "us" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "us@example.com" for who in ("AUTHOR", "COMMITTER")},
    }
    argv = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(
        argv, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(folder: Path) -> str:
    """Commit all that lies in ``folder``, a repository from then on; return the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")
    return git(folder, "rev-parse", "HEAD")
