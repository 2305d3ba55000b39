"""What shell commands install, and whether anybody checks what they fetch.

Over :class:`~imgforge.checks.commands.Pipeline`; used for the history of images.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from imgforge.checks.commands import SHELLS, Command, Options, Pipeline, every, options, walk

DOWNLOADERS: Final = frozenset({"aria2c", "curl", "fetch", "wget", "wget2"})
_READERS: Final = SHELLS | {"node", "perl", "php", "python", "python2", "python3", "ruby"}
_TEXTS: Final = frozenset({"-c", "-e", "-m", "-r", "-n", "-p"})
_SUBSTITUTED: Final = ("$(", "`", "<(")

_OFF: Final = re.compile(r"(?i)0|false|no|off|none|null")
_VARIABLES: Final = {
    "GIT_SSL_NO_VERIFY": re.compile(r".+"),
    "GOINSECURE": re.compile(r".+"),
    "GOSUMDB": re.compile("off"),
    "NODE_TLS_REJECT_UNAUTHORIZED": re.compile("0"),
    "NPM_CONFIG_STRICT_SSL": _OFF,
    "PIP_TRUSTED_HOST": re.compile(r".+"),
    "PYTHONHTTPSVERIFY": re.compile("0"),
    "UV_INSECURE_HOST": re.compile(r".+"),
    "npm_config_strict_ssl": _OFF,
}
_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "apk": ("--allow-untrusted",),
    "apt": ("--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"),
    "apt-get": ("--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"),
    "aptitude": ("--allow-untrusted",),
    "composer": ("--disable-tls", "--no-secure-http"),
    "curl": ("-k", "--insecure", "--proxy-insecure", "--doh-insecure"),
    "dnf": ("--nogpgcheck", "--no-gpgchecks"),
    "helm": ("--insecure-skip-tls-verify",),
    "kubectl": ("--insecure-skip-tls-verify",),
    "microdnf": ("--nogpgcheck",),
    "pip": ("--trusted-host",),
    "pip3": ("--trusted-host",),
    "rpm": ("--nosignature", "--nodigest", "--nogpg", "--nochecksig"),
    "uv": ("--allow-insecure-host", "--trusted-host"),
    "wget": ("--no-check-certificate",),
    "wget2": ("--no-check-certificate",),
    "yum": ("--nogpgcheck",),
    "zypper": ("--no-gpg-checks", "--allow-unsigned-rpm"),
}
_SETTINGS: Final = re.compile(
    r"(?i)\[[^\]\n]*\btrusted=yes\b[^\]\n]*\]|\bgpgcheck\s*=\s*(?:0|false|no)\b"
    r"|\bsslverify\s*[= ]\s*[\"']?(?:0|false)\b|\bstrict-ssl\s*[= ]\s*[\"']?false\b"
    r"|\bSigLevel\s*=\s*Never\b|AllowUnauthenticated[\"'\s=]+(?:true|1|yes)"
    r"|AllowInsecureRepositories[\"'\s=]+(?:true|1|yes)"
    r"|Verify-(?:Peer|Host)[\"'\s=]+(?:false|0|no)|\bssl_verify\s*[=: ]\s*(?:false|no)\b"
    r"|StrictHostKeyChecking[= ]\s*no\b|\bUserKnownHostsFile[= ]\s*/dev/null"
    r"|--check-certificate=false|\btrusted-host\s*[= ]\s*\S"
)


class Install(NamedTuple):
    """Packages that ``tool`` installs in whatever version there is."""

    tool: str
    packages: tuple[str, ...]


def unverified(text: str, found: Collection[Pipeline]) -> Iterator[str]:
    """Yield each way in which something is fetched or run unchecked, as a clause.

    ``text`` is what ``found`` was read from: settings written into files are looked for in it.
    """
    for pipeline in walk(found):
        fetching = [command.name in DOWNLOADERS for command in pipeline.commands]
        for number, command in enumerate(pipeline.commands):
            if any(fetching[:number]) and _runs_input(command):
                yield f"runs what it downloads ({_source(pipeline, fetching)} | {command.name})"
            if _runs_substitution(command):
                yield f"runs what it downloads ({command.name} with a substitution)"
            yield from _flags(command)
    for match in _SETTINGS.finditer(text):
        if match[0].lower().lstrip().startswith("trusted-host") and "--trusted-host" in text:
            continue
        yield f"turns a check off ({' '.join(match[0].split())[:60]})"


def updates_alone(found: Collection[Pipeline]) -> bool:
    """Whether apt's package lists are fetched and then not used in the same step."""
    verbs = {_verb(command) for command in every(found) if command.name in _APTS}
    return "update" in verbs and verbs.isdisjoint(_USING)


def upgrades(found: Collection[Pipeline]) -> Iterator[str]:
    """Yield the commands that exchange everything for whatever is newest today."""
    for command in every(found):
        verb = _verb(command)
        if (command.name, verb) in _UPGRADES and not _operands(command)[1:]:
            yield f"{command.name} {verb}"


def unpinned(found: Collection[Pipeline]) -> Iterator[Install]:
    """Yield what is installed without a version; names made of variables are left out."""
    for command in every(found):
        tool = command.name
        way = _TOOLS.get(tool)
        if tool in {"python", "python3"} and command.args[:2] == ("-m", "pip"):
            tool, way = "pip", _TOOLS["pip"]
            command = Command(("pip", *command.args[2:]))  # noqa: PLW2901 - the same command
        if way is None:
            continue
        asked = options(command.args, way.valued)
        verb, *packages = asked.operands or ("",)
        if verb not in way.verbs or (way.only and not asked.has(*way.only)):
            continue
        if asked.has(*way.pinning):
            continue
        loose = tuple(name for name in packages if _loose(name, way))
        if loose:
            yield Install(tool, loose)


class _Tool(NamedTuple):
    """How a package manager is asked to install, and what a pinned package looks like."""

    verbs: frozenset[str]
    pinned: re.Pattern[str]
    valued: frozenset[str] = frozenset()
    pinning: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


def _tool(verbs: str, pinned: str, valued: str = "", pinning: str = "", only: str = "") -> _Tool:
    return _Tool(
        frozenset(verbs.split()),
        re.compile(pinned),
        frozenset(valued.split()),
        tuple(pinning.split()),
        tuple(only.split()),
    )


_APT: Final = _tool(
    "install", r".+[=/].+|.+\.deb|.+-", "-t -o -c -a --target-release --option --config-file"
)
_RPM: Final = _tool(
    "install localinstall reinstall",
    r".+-[0-9].*|.+\.rpm|@.+|/.+|.+=.+",
    "-c --config -x --exclude --enablerepo --disablerepo --repo --installroot --releasever"
    " --setopt -r -R",
)
_PIP: Final = _tool(
    "install",
    r".+===?.+|\.{0,2}/.*|\.|\.\[.*|.+\.whl|.+\.tar\.gz|.+@[0-9a-f]{40}.*|.+#sha256=.+|.*/.+/?",
    "-r -c -e -t -i -f --requirement --constraint --editable --target --index-url --python"
    " --extra-index-url --find-links --prefix --root --no-binary --only-binary --platform"
    " --python-version --trusted-host --cache-dir --timeout --retries --upgrade-strategy --src",
    "-r --requirement -c --constraint --require-hashes",
)
_NPM: Final = _tool(
    "install i add",
    r"@?[^@]+@(?:[0-9]+\.[0-9]+\.[0-9]+.*|file:.*|https?:.*)|\.{0,2}/.*|\.|.+\.tgz",
    "--prefix --registry --cache --userconfig --loglevel",
    only="-g --global",
)
_TOOLS: Final[dict[str, _Tool]] = {
    "apt": _APT,
    "apt-get": _APT,
    "aptitude": _APT,
    "apk": _tool(
        "add",
        r".+[=~<>@].+|\..+|.+\.apk|!.+",
        "-t -X -p --virtual --repository --root --keys-dir --repositories-file --arch --cache-dir",
    ),
    "dnf": _RPM,
    "microdnf": _RPM,
    "tdnf": _RPM,
    "yum": _RPM,
    "zypper": _tool("install in", r".+[=<>].+|.+\.rpm", "-t -r --type --repo --from --root"),
    "pip": _PIP,
    "pip3": _PIP,
    "npm": _NPM,
    "gem": _tool(
        "install i", r".+:[0-9].*|.+\.gem", "-v --version -i -n --platform", "-v --version"
    ),
    "go": _tool("install get", r".+@v?[0-9a-f].*|\..*|[^@.]+|cmd/.*", "-ldflags -tags -o -p -mod"),
    "cargo": _tool(
        "install",
        r".+@[0-9].*",
        "--version --vers --git --path --root --features --target --rev --tag --branch --bin -j",
        "--version --vers --path --rev --tag",
    ),
}
_UPGRADES: Final = frozenset(
    {("apt-get", verb) for verb in ("upgrade", "dist-upgrade")}
    | {("apt", verb) for verb in ("upgrade", "full-upgrade", "dist-upgrade")}
    | {(name, verb) for name in ("yum", "dnf", "microdnf") for verb in ("update", "upgrade")}
    | {("apk", "upgrade"), ("zypper", "update"), ("zypper", "dist-upgrade"), ("zypper", "up")}
)
_APTS: Final = frozenset({"apt", "apt-get", "aptitude"})
_USING: Final = frozenset(
    {"install", "upgrade", "dist-upgrade", "full-upgrade", "build-dep", "source", "download"}
)
_MADE: Final = re.compile(r"[$`(){}]")


def _verb(command: Command) -> str:
    return next(iter(_operands(command)), "")


def _operands(command: Command) -> tuple[str, ...]:
    way = _TOOLS.get(command.name)
    return options(command.args, way.valued if way else ()).operands


def _loose(name: str, way: _Tool) -> bool:
    return not _MADE.search(name) and not way.pinned.fullmatch(name)


def _source(pipeline: Pipeline, fetching: list[bool]) -> str:
    return pipeline.commands[fetching.index(True)].name


def _runs_input(command: Command) -> bool:
    """Whether an interpreter takes its standard input as the program."""
    if command.name not in _READERS:
        return False
    asked = options(command.args)
    if command.name in SHELLS and asked.has("-s"):
        return True
    return not asked.has(*_TEXTS) and not [word for word in asked.operands if word != "-"]


def _runs_substitution(command: Command) -> bool:
    """Whether a shell is given the output of a download as its program."""
    if command.name not in SHELLS | {"eval", "source", "."}:
        return False
    given = any(word.startswith(_SUBSTITUTED) for word in command.args)
    return given and any(inner.name in DOWNLOADERS for inner in every(command.inner))


def _flags(command: Command) -> Iterator[str]:
    for item in command.assigned:
        name, _, value = item.partition("=")
        pattern = _VARIABLES.get(name)
        if pattern is not None and pattern.fullmatch(value):
            yield f"turns a check off ({name}={value[:40]})"
    if command.name in {"export", "env", "declare"}:
        for word in command.args:
            name, _, value = word.partition("=")
            pattern = _VARIABLES.get(name)
            if pattern is not None and pattern.fullmatch(value):
                yield f"turns a check off ({name}={value[:40]})"
    asked: Options = options(command.args)
    for flag in _FLAGS.get(command.name, ()):
        if asked.has(flag):
            yield f"turns a check off ({command.name} {flag})"
    if command.name in {"python", "python3"} and asked.has("--trusted-host"):
        yield "turns a check off (pip --trusted-host)"
