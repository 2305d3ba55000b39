"""Programs and packages that a Dockerfile needs for the build alone, and whose work they are."""

from __future__ import annotations

import re
from typing import Final

from imgforge.checks.commands import Command

TOOLS: Final = frozenset(
    {
        *(
            "apt-transport-https",
            "apt-utils",
            "bash",
            "build-essential",
            "ca-certificates",
            "cmake",
        ),
        *("curl", "dirmngr", "dumb-init", "g++", "gcc", "git", "gnupg", "gnupg2", "gosu", "htop"),
        *(
            "less",
            "locales",
            "lsb-release",
            "make",
            "nano",
            "net-tools",
            "netcat",
            "openssh-client",
        ),
        *("pkg-config", "procps", "python3-pip", "software-properties-common", "ssh", "sudo"),
        *("telnet", "tini", "tzdata", "unzip", "vim", "wget", "xz-utils", "zip", "iputils-ping"),
        *("autoconf", "automake", "libtool", "patch", "pkgconf", "python3", "python3-dev"),
    }
)
"""Packages of the build, or of somebody looking around: no application needs them to run."""

GIVEN: Final = frozenset(
    {
        *("ca-certificates", "tzdata", "locales", "libc6-compat", "gcompat", "libgcc"),
        *("libstdc++", "openssl", "libc6", "libstdc++6", "zlib1g"),
    }
)
OF_BASE: Final = {
    "python": frozenset({"python3", "py3-pip", "python3-venv", "py3-virtualenv"}),
    "node": frozenset({"nodejs", "npm", "yarn"}),
    "ruby": frozenset({"ruby", "ruby-full", "ruby-bundler"}),
    "php": frozenset({"php", "composer"}),
    "static": frozenset({"nginx"}),
}
"""Stack → packages, of Debian and of Alpine, for what its base is there for."""

_INSTALLERS: Final = {
    ("pip", "install"): "python",
    ("pip3", "install"): "python",
    ("uv", "sync"): "python",
    ("uv", "pip"): "python",
    ("uv", "venv"): "python",
    ("uv", "python"): "python",
    ("uv", "export"): "python",
    ("uv", "lock"): "python",
    ("pip", "wheel"): "python",
    ("pip", "download"): "python",
    ("pip", "cache"): "python",
    ("poetry", "export"): "python",
    ("poetry", "cache"): "python",
    ("virtualenv", ""): "python",
    ("poetry", "install"): "python",
    ("poetry", "config"): "python",
    ("pdm", "install"): "python",
    ("pdm", "sync"): "python",
    ("pipenv", "install"): "python",
    ("npm", "ci"): "node",
    ("npm", "install"): "node",
    ("npm", "run"): "node",
    ("npm", "prune"): "node",
    ("npm", "cache"): "node",
    ("npm", "config"): "node",
    ("npm", "i"): "node",
    ("npx", ""): "node",
    ("bun", ""): "node",
    ("bunx", ""): "node",
    ("yarn", ""): "node",
    ("yarn", "install"): "node",
    ("yarn", "build"): "node",
    ("yarn", "run"): "node",
    ("pnpm", "install"): "node",
    ("pnpm", "i"): "node",
    ("pnpm", "build"): "node",
    ("pnpm", "run"): "node",
    ("pnpm", "prune"): "node",
    ("pnpm", "fetch"): "node",
    ("pnpm", "deploy"): "node",
    ("corepack", ""): "node",
    ("go", "mod"): "go",
    ("go", "build"): "go",
    ("go", "install"): "go",
    ("cargo", "build"): "rust",
    ("cargo", "fetch"): "rust",
    ("cargo", "install"): "rust",
    ("cargo", "chef"): "rust",
    ("rustup", ""): "rust",
    ("bundle", "install"): "ruby",
    ("bundle", "config"): "ruby",
    ("bundle", "check"): "ruby",
    ("bundle", "clean"): "ruby",
    ("bootsnap", ""): "ruby",
    ("composer", "install"): "php",
    ("composer", "dump-autoload"): "php",
    ("mvn", ""): "java",
    ("mvnw", ""): "java",
    ("gradle", ""): "java",
    ("gradlew", ""): "java",
    ("javac", ""): "java",
    ("jlink", ""): "java",
}
"""Program and verb (empty: any) → the stack whose own steps do that."""


def owner(command: Command) -> str:
    """Return the stack whose own steps do what ``command`` does; empty if none does."""
    name, args = command.name, command.args
    if re.fullmatch(r"python[0-9.]*", name) and args[:1] == ("-m",) and len(args) > 1:
        if args[1] == "venv":
            return "python"
        name, args = args[1], args[2:]
    verb = next((a for a in args if not a.startswith("-")), "")
    return _INSTALLERS.get((name, verb)) or _INSTALLERS.get((name, "")) or ""
