"""Commands of package managers: what they install, whether at one version, and what they leave.

Pure functions over :mod:`imgforge.checks.commands`, shared by rules for Dockerfiles and for the
history of images.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from imgforge.checks.commands import Command, Options, options
from imgforge.secrets.names import listed


@dataclass(frozen=True, slots=True)
class Manager:
    """A package manager. ``install`` are its verbs, ``pinned`` tells a package with a version.

    ``valued`` are options with a value, ``upgrade`` verbs that renew everything, ``update`` those
    that renew only the lists.
    """

    name: str
    install: frozenset[str]
    pinned: Callable[[str], bool]
    valued: frozenset[str] = frozenset()
    upgrade: frozenset[str] = frozenset()
    update: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Use:
    """A package manager at work: its ``verb``, its options, the ``packages`` it is to install."""

    manager: Manager
    verb: str
    options: Options
    packages: tuple[str, ...] = ()

    @property
    def installs(self) -> bool:
        """Whether it installs something."""
        return self.verb in self.manager.install

    @property
    def upgrades(self) -> bool:
        """Whether it renews all that is installed, to whatever is newest today."""
        return self.verb in self.manager.upgrade and not self.packages

    @property
    def updates(self) -> bool:
        """Whether it only renews lists of packages."""
        return self.verb in self.manager.update

    def unpinned(self) -> tuple[str, ...]:
        """Return the packages that are installed at whichever version there is that day."""
        manager, said = self.manager, self.options
        if not self.installs or said.has(*_LISTED.get(manager.name, ())):
            return ()
        return tuple(p for p in self.packages if _named(p) and not manager.pinned(p))


def use(command: Command) -> Use | None:
    """Return what ``command`` does if it is a package manager's."""
    name, args = command.name, command.args
    module = re.fullmatch(r"(?:python|pypy)[0-9.]*", name)
    if module and args[:1] == ("-m",) and len(args) > 1:
        name, args = args[1], args[2:]
    elif name == "uv" and args[:1] in {("pip",), ("tool",)}:
        name, args = f"uv {args[0]}", args[1:]
    elif name in {"corepack", "busybox"} and args:
        name, args = args[0], args[1:]
    manager = _MANAGERS.get(re.sub(r"(?<=pip)[0-9.]+$", "", name))
    if manager is None:
        return None
    found = options(args, manager.valued)
    words = found.operands
    if manager.name == "yarn" and words[:1] == ("global",):
        words = words[1:]
    return Use(manager, words[0] if words else "", found, words[1:])


def _named(package: str) -> bool:
    """Whether this names a package: no path, no file, no variable that may hold a version."""
    return not (
        package.startswith((".", "/", "~", "$", "-", "@/", "file:"))
        or package.endswith((".deb", ".rpm", ".apk", ".whl", ".tgz", ".tar.gz", ".zip", ".gem"))
        or package in {";", "\\"}
    )


def _equals(package: str) -> bool:
    return "=" in package


def _apk(package: str) -> bool:
    return re.search(r"[=~<>]", package) is not None


def _pip(package: str) -> bool:
    if re.match(r"(?:git|hg|svn|bzr)\+", package):
        return re.search(r"@[0-9a-f]{40}\b", package) is not None
    return "==" in package or " @ " in package or "://" in package


def _npm(package: str) -> bool:
    if re.match(r"(?:git[+:@]|github:|https?:)", package):
        return re.search(r"#[0-9a-f]{40}$|\.tgz$", package) is not None
    version = package.lstrip("@").partition("@")[2]
    return version not in {"", "latest", "next", "*", "beta", "canary"}


def _rpm(package: str) -> bool:
    return re.search(r"-[0-9$][^-]*(?:-[^-]+)?$|=", package) is not None and not package.endswith(
        "*"
    )


def _go(package: str) -> bool:
    if "." not in package.partition("/")[0]:
        return True  # of the standard library or the module at hand
    version = package.partition("@")[2]
    return version not in {"", "latest", "upgrade", "patch", "master", "main", "head", "HEAD"}


def _colon(package: str) -> bool:
    return ":" in package


def _at(package: str) -> bool:
    return "@" in package


_APT: Final = listed("-t -o -c -a --target-release --default-release --option --config-file")
_APK: Final = listed(
    "-t -X -p --virtual --repository --root --arch --keys-dir --repositories-file --cache-dir"
)
_PIP: Final = listed(
    "-r -c -e -i -f -t -b -C --requirement --requirements --constraint --constraints --editable"
    " --index-url --extra-index-url --default-index --index --find-links --target --trusted-host"
    " --prefix --root --python --platform --only-binary --no-binary --progress-bar --cache-dir"
    " --log --proxy --cert --client-cert --timeout --default-timeout --retries --src --build"
    " --global-option --install-option --config-settings --python-version --implementation --abi"
    " --upgrade-strategy --exists-action --root-user-action --report --with --from -p"
)
_NPM: Final = listed(
    "--registry --prefix -C --cache --tag --userconfig --location --loglevel --omit --include"
    " --cwd --modules-folder --network-timeout --dir --filter"
)
_RPM: Final = listed(
    "-c -d -e -x --config --disablerepo --enablerepo --exclude --installroot --releasever --repo"
    " --repoid --setopt --from -r"
)
_GEM: Final = listed(
    "-v -i -n -s -P --version --install-dir --bindir --source --trust-policy --platform"
)
_CARGO: Final = listed(
    "--version --vers --git --branch --tag --rev --path --root --registry --index --features -F -j"
    " --jobs --profile --target --target-dir --bin --example --config -Z --manifest-path"
)
_GO: Final = listed("-ldflags -tags -o -gcflags -mod -modfile -p -buildmode -C -asmflags")
_CONDA: Final = listed("-n -p -c --name --prefix --channel --file")

_LISTED: Final = {
    "pip": ("-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints"),
    "gem": ("-v", "--version"),
    "cargo": ("--version", "--vers", "--path", "--rev", "--tag"),
    "conda": ("--file",),
}
"""Options that give versions from somewhere else than the packages' names."""

SIGNED: Final = frozenset({"apt", "apk", "yum", "dnf", "zypper"})
"""Managers of distributions, whose archives are signed and belong to a release."""

_INSTALL: Final = frozenset({"install"})
_DNF: Final = (
    frozenset({"install", "localinstall", "reinstall", "groupinstall"}),
    _rpm,
    _RPM,
    frozenset({"upgrade", "update", "distro-sync", "upgrade-minimal"}),
    frozenset({"makecache", "check-update"}),
)
_SEARCHED: Final = (
    Manager(
        "apt",
        frozenset({"install", "reinstall", "build-dep"}),
        _equals,
        _APT,
        frozenset({"upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"}),
        frozenset({"update"}),
    ),
    Manager("apk", frozenset({"add"}), _apk, _APK, frozenset({"upgrade"}), frozenset({"update"})),
    Manager("pip", _INSTALL, _pip, _PIP),
    Manager("npm", frozenset({"install", "i", "add", "in"}), _npm, _NPM),
    Manager("yarn", frozenset({"add"}), _npm, _NPM),
    Manager("pnpm", frozenset({"install", "i", "add"}), _npm, _NPM),
    Manager("yum", *_DNF),
    Manager("dnf", *_DNF),
    Manager(
        "zypper",
        frozenset({"install", "in"}),
        _rpm,
        _RPM,
        frozenset({"update", "up", "dist-upgrade", "dup", "patch"}),
        frozenset({"refresh", "ref"}),
    ),
    Manager("gem", frozenset({"install", "i"}), _colon, _GEM),
    Manager("go", frozenset({"install", "get"}), _go, _GO),
    Manager("cargo", _INSTALL, _at, _CARGO),
    Manager("conda", frozenset({"install", "create"}), _equals, _CONDA),
)
_OTHER_NAMES: Final = {
    "apt-get": "apt",
    "aptitude": "apt",
    "uv pip": "pip",
    "uv tool": "pip",
    "pipx": "pip",
    "dnf5": "dnf",
    "microdnf": "dnf",
    "tdnf": "dnf",
    "mamba": "conda",
    "micromamba": "conda",
}
_MANAGERS: Final = {manager.name: manager for manager in _SEARCHED}
_MANAGERS.update({name: _MANAGERS[other] for name, other in _OTHER_NAMES.items()})
