"""What the files of a project are called, and where they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from imgforge.errors import InvalidInputError

SPEC = "imgforge.toml"
LOCK = "imgforge.lock"
SYSTEM = Path("/etc/imgforge/config.toml")
"""Settings of the machine."""


def locate(path: Path) -> Path:
    """Return the spec file that ``path`` (a folder or the file itself) means."""
    if path.is_dir():
        path /= SPEC
    if not path.is_file():
        raise InvalidInputError(
            f"{path} does not exist",
            hint="imgforge init writes one, imgforge import from a Dockerfile; or name its folder",
        )
    return path


def configs(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where settings may stand (:mod:`imgforge.settings`); the first that exists counts."""
    named = environ.get("IMGFORGE_CONFIG")
    if named:
        return (Path(named),)
    homes = (environ.get("XDG_CONFIG_HOME"), f"{environ.get('HOME') or ''}/.config")
    # A folder of the project's must never be taken for the user's.
    home = next((home for home in homes if home and home.startswith("/")), None)
    own = (Path(home, "imgforge/config.toml"),) if home else ()
    return *own, SYSTEM


def pinning(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the settings that may pin a policy: the machine's, and those that are read.

    What cannot be looked at counts, and so does what a variable names: reading it says what is
    wrong.
    """
    chosen = configs(environ)
    if not environ.get("IMGFORGE_CONFIG"):
        chosen = tuple(path for path in chosen if _there(path))[:1]
    system = (SYSTEM,) if _there(SYSTEM) else ()
    return tuple(dict.fromkeys(system + chosen))


def _there(path: Path) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def public_path(private: Path) -> Path:
    """Return where the public half of a private key lies."""
    return private.with_suffix(".pub")
