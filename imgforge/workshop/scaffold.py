"""A new stack's folder: it lints and tests green before a line of it was changed."""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from imgforge import stack, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.files import SPEC
from imgforge.stack import LoadedStack
from imgforge.workshop import tests

VERSION = "0.1.0"
CHANGELOG = "CHANGELOG.md"
README = "README.md"

_STACK = """\
name = "NAME"
version = "0.1.0"
summary = "Python programs without dependencies, tested before they are packed"
default = "3.13"
lock = "none"

[versions."3.13"]
runtime = "python-3.13"
builder = "python-3.13-dev"

[parameters.tests]
type = "boolean"
default = true
doc = "Run the application's unittest suite first; the image is only made if it passes."

[[stages]]
name = "build"
template = "build.Dockerfile.j2"
destination = "/app"

[runtime]
source = "none" # /app is what the stage made of it
entrypoint = ["/usr/bin/python3", "-m", "app"]

[runtime.env]
PYTHONDONTWRITEBYTECODE = "1"
PYTHONUNBUFFERED = "1"
"""

_TEMPLATE = """\
{# Fills /out with the application, tested. Nothing here has a network. #}
{% from "steps.j2" import copy_sources, run with context %}
{{ copy_sources() }}
{{ before }}
{% block check %}
{% if parameters.tests %}
{% call run() %}
cd /src;
PYTHONDONTWRITEBYTECODE=1 python3 -W error -m unittest discover --quiet
{% endcall %}
{% endif %}
{% endblock %}

{% block build %}
{% call run() %}
mkdir -p /out;
cp -R /src/. /out;
find /out -name __pycache__ -prune -exec rm -rf {} +
{% endcall %}
{% endblock %}
"""

_README = """\
# NAME

Python programs without dependencies, tested before they are packed.

```toml
[stack]
name = "NAME"

[app]
source = ["app"]
```

- What `source` names is below `/app`, the working directory; `python3 -m app` is started unless
  the spec says otherwise.
- The application's unittest suite runs first, without a network. `tests = false` leaves it out.
- An application can override the blocks `build.check` and `build.build`.
"""

_CHANGELOG = """\
# Changes

## 0.1.0

- The first version.
"""

_SPEC = """\
[image]
name = "test/NAME-basic"
title = "NAME"
description = "What the stack NAME is tried with"
licenses = "Apache-2.0"
version = "0.1.0"

[stack]
name = "NAME"

[app]
source = ["app"]
"""

_EXPECT = """\
# How to run the image, and what it must do then: imgforge stack test does both.

[[runs]]
arguments = ["Ada"]
output = '^Hello, Ada\\n$'

[[runs]]
input = "Grace\\n"
output = '^Hello, Grace\\n$'

[[runs]]
exit = 2
error = "no name"
"""

_MAIN = '''\
"""Says hello to who is named, as an argument or on standard input."""

import sys


def greeting(name: str) -> str:
    """Return what is said to ``name``."""
    return f"Hello, {name}"


def main() -> int:
    """Greet; return the exit code."""
    name = sys.argv[1] if sys.argv[1:] else sys.stdin.readline().strip()
    if not name:
        print("there is no name", file=sys.stderr)
        return 2
    print(greeting(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''

_TEST = '''\
"""Run while the image is built."""

import unittest

from app.__main__ import greeting


class Greeting(unittest.TestCase):
    def test_names_who_is_greeted(self) -> None:
        self.assertEqual(greeting("Ada"), "Hello, Ada")
'''

_FILES = {
    stack.FILE: _STACK,
    "build.Dockerfile.j2": _TEMPLATE,
    README: _README,
    CHANGELOG: _CHANGELOG,
    f"tests/basic/{SPEC}": _SPEC,
    "tests/basic/expect.toml": _EXPECT,
    "tests/basic/app/__init__.py": "",
    "tests/basic/app/__main__.py": _MAIN,
    "tests/basic/app/test_greeting.py": _TEST,
}


def create(folder: Path, origin: tuple[LoadedStack, Path] | None) -> list[str]:
    """Write a stack into ``folder``, which must not exist; return the names of its tests.

    ``origin`` is the stack that it begins as a copy of, with its folder; else it begins as a small
    one that is whole. InvalidInputError if the folder exists or its name is none for a stack.
    """
    name = folder.resolve().name
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise InvalidInputError(
            f"{name!r} is no name for a stack", hint="lower-case letters, digits and '-'"
        )
    if folder.exists() or folder.is_symlink():
        raise InvalidInputError(f"{folder} is there already", hint="nothing is overwritten")
    if not folder.parent.is_dir():
        raise InvalidInputError(f"{folder.parent} is no folder")
    with tempfile.TemporaryDirectory(dir=folder.resolve().parent, prefix=f".{name}-") as scratch:
        made = Path(scratch) / name
        made.mkdir()
        if origin is None:
            _write(made, {path: text.replace("NAME", name) for path, text in _FILES.items()})
        else:
            _copy(made, *origin)
        stack.read(made, trusted=False)
        made.rename(folder)
    return sorted(test.name for test in tests.own(folder))


def _write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _copy(made: Path, origin: LoadedStack, folder: Path) -> None:
    old, name = origin.definition.name, made.name
    data, _ = tomlfile.read(folder / stack.FILE)
    text = _renamed(_renamed(data.decode(), ("name",), old, name), ("version",), None, VERSION)
    readme = folder / README
    about = readme.read_text(encoding="utf-8") if readme.is_file() else f"# {old}\n"
    _write(
        made,
        {
            stack.FILE: text,
            **origin.templates,
            README: about.replace(f"# {old}\n", f"# {name}\n", 1).replace(
                f'name = "{old}"', f'name = "{name}"'
            ),
            CHANGELOG: f"# Changes\n\n## {VERSION}\n\n"
            f"- Begun as a copy of {old} {origin.definition.version}.\n",
        },
    )
    for test in tests.of(folder):
        target = made / "tests" / test.name
        # What is made, and what was locked with another stack, is made again.
        shutil.copytree(test, target, symlinks=True, ignore=tests.IGNORED)
        (target / "imgforge.lock").unlink(missing_ok=True)
        spec = target / SPEC
        spec.write_text(
            _renamed(spec.read_text(encoding="utf-8"), ("stack", "name"), old, name),
            encoding="utf-8",
        )


def _renamed(text: str, key: tuple[str, ...], old: str | None, new: str) -> str:
    """Return TOML ``text`` with another string at ``key``; what else it says stays as written."""
    value: object = tomllib.loads(text)
    for part in key:
        value = value[part] if isinstance(value, dict) else None
    number = tomlfile.Lines(text.encode()).of(key) - 1
    lines = text.split("\n")
    if not isinstance(value, str) or (old is not None and value != old):
        raise InvalidInputError(f"{'.'.join(key)} is {value!r}, not {old!r}")
    lines[number] = re.sub(
        rf"(['\"]){re.escape(value)}\1", lambda _: f'"{new}"', lines[number], count=1
    )
    return "\n".join(lines)
