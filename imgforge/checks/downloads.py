"""Commands that fetch something, that run what was fetched, and that verify nothing.

Pure functions over :mod:`imgforge.checks.commands`; rules for Dockerfiles and for the history of
images share them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Final

from imgforge.checks.commands import SHELLS, Command, Pipeline, every, options, walk
from imgforge.secrets.names import listed

CURL: Final = listed(
    "-A -b -c -C -d -D -e -E -F -h -H -K -m -o -P -Q -r -t -T -u -U -w -x -X -y -Y -z"
    " --cacert --capath --cert --connect-timeout --cookie --data --form --header --key --max-time"
    " --output --output-dir --proto --proxy --referer --request --resolve --retry --retry-delay"
    " --retry-max-time --tls-max --url --user --user-agent --write-out"
)
"""Options of curl(1) that take a value."""

WGET: Final = listed(
    "-a -A -B -D -e -i -I -l -o -O -P -Q -R -t -T -U -w --append-output --base --ca-certificate"
    " --directory-prefix --execute --header --input-file --output-document --output-file --password"
    " --post-data --timeout --tries --user --user-agent --wait"
)
"""Options of wget(1) that take a value."""

_FETCHERS: Final = listed("curl wget aria2c axel fetch lynx http https xh")
_LANGUAGES: Final = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|php|lua|deno|bun)[0-9.]*")
_FETCHING: Final = re.compile(
    r"urllib|urlopen|requests\.|http\.client|LWP|HTTP::Tiny|Net::HTTP|open-uri|fetch\(|https?\.get"
    r"|file_get_contents\(\s*['\"]http"
)
_SUBSTITUTED: Final = ("$(", "<(", "`")
_SOURCES: Final = frozenset({"eval", "source", "."})
_VERIFIERS: Final = re.compile(
    r"(?:sha[0-9]+|md5|b2|blake3?|cksum|sha)sum|shasum|gpgv?2?|cosign|minisign|signify|rsign"
    r"|slsa-verifier|gh|openssl|apksigner|jarsigner"
)
_URL: Final = re.compile(r"(?i)(https?|ftp)://(?:[^/@\s]*@)?([^/:\s?#]*)")
_HERE: Final = re.compile(r"(?i)localhost|127\.[0-9.]+|0\.0\.0\.0|\[?::1\]?|.*\.(?:onion|local)")
_OFF: Final = frozenset({"0", "false", "no", "off"})
_ON: Final = frozenset({"1", "true", "yes", "on", "always"})
_RECEIVES: Final = frozenset({"--recv", "--recv-key", "--recv-keys", "--receive-keys"})
_SHORT_KEY: Final = re.compile(r"(?:0x)?[0-9A-Fa-f]{8,39}")


def fetches(command: Command) -> bool:
    """Whether ``command`` itself gets something from the network and may print it."""
    name = command.name
    if name in _FETCHERS:
        return name != "http" or bool(command.args)
    if not _LANGUAGES.fullmatch(name):
        return False
    said = options(command.args, {"-c", "-e", "-r"}).values("-c", "-e", "-r", "--eval")
    return any(_FETCHING.search(text) for text in said)


def fetched_and_run(found: Collection[Pipeline]) -> Iterator[tuple[Command, str]]:
    """Yield each command that runs what a download prints, and the name of the downloader."""
    for pipeline in walk(found):
        source = ""
        for command in pipeline.commands:
            if source and _runs_input(command):
                yield command, source
            source = source or _fetcher(command)
    for command in every(found):
        if _runs_words(command):
            source = next((_fetcher(c) for c in every(command.inner) if _fetcher(c)), "")
            if source:
                yield command, source


def fetched_then_run(found: Collection[Pipeline]) -> Iterator[tuple[Command, str]]:
    """Yield each command that runs a file downloaded before it, and the file, unless verified.

    Any program that compares digests or checks signatures between the two counts as proof.
    """
    files: set[str] = set()
    for command in every(found):
        if _VERIFIERS.fullmatch(command.name):
            files.clear()
        elif fetches(command):
            files |= {_plain(path) for path in _outputs(command)}
        elif command.words:
            candidates = [command.words[0]]
            if command.name in SHELLS or _LANGUAGES.fullmatch(command.name):
                candidates += options(command.args).operands[:1]
            elif command.name in _SOURCES:
                candidates += command.args[:1]
            ran = next((path for path in candidates if path and _plain(path) in files), "")
            if ran:
                yield command, ran


def insecure_urls(command: Command) -> Iterator[str]:
    """Yield the hosts that a download asks without TLS; this machine's own are left out."""
    if command.name not in _FETCHERS:
        return
    for word in command.args:
        match = _URL.match(word)
        if match and match[1].lower() != "https" and not _HERE.fullmatch(match[2]):
            yield match[2]


def unverified(command: Command) -> Iterator[str]:
    """Say how ``command`` turns off the verification of servers, packages or keys."""
    yield from unverified_settings(_pairs(command.assigned))
    name, args = command.name, command.args
    if name in {"export", "declare", "setenv"}:
        yield from unverified_settings(_pairs(args))
    for program, unsafe in _programs():
        if program.fullmatch(name):
            given = {option.partition("=")[0] for option in _flags(name, args)}
            yield from (f"{name} {option}" for option in sorted(given & unsafe))
    said = " ".join(args)
    for program, setting, what in _settings():
        if program.fullmatch(name) and setting.search(said):
            yield what
    for written, what in _written():
        if any(written.search(word) for word in (*args, command.stdin)):
            yield what
    yield from _unverified_keys(name, args)


def _unverified_keys(name: str, args: tuple[str, ...]) -> Iterator[str]:
    if name in {"gpg", "gpg2", "apt-key"} and _RECEIVES.intersection(args):
        if any(_SHORT_KEY.fullmatch(word) for word in args):
            yield f"{name} receives a key by a short id, which anybody can forge"
    elif name == "ssh-keyscan":
        yield "ssh-keyscan trusts whichever host answers"


def unverified_settings(settings: Mapping[str, str]) -> Iterator[str]:
    """Say which environment variables turn off verification (names to values)."""
    for name, value in settings.items():
        upper, lower = name.upper(), value.strip("\"'").lower()
        off = upper in _BAD_WHEN_OFF and lower in _OFF
        if off or (upper in _BAD_WHEN_ON and lower in _ON):
            yield f"{name}={lower}"
        elif upper in _BAD_WHEN_SET and lower:
            yield f"{name} is set"
        elif upper == "GIT_SSH_COMMAND" and "stricthostkeychecking=no" in lower.replace(" ", ""):
            yield f"{name} does not check the host's key"


def _pairs(words: Collection[str]) -> dict[str, str]:
    split = (word.partition("=") for word in words)
    return {name: value for name, equals, value in split if equals}


def _flags(name: str, args: tuple[str, ...]) -> Iterator[str]:
    if name == "curl":
        return (option for option, _ in options(args, CURL).given)
    return (word for word in args if word.startswith("-"))


def _fetcher(command: Command) -> str:
    """Return the program in ``command`` (or its group) whose download it prints."""
    if fetches(command):
        return command.name
    return next((c.name for c in every((*command.inner, *command.script)) if fetches(c)), "")


def _runs_input(command: Command) -> bool:
    """Whether ``command`` is an interpreter that reads its program from standard input."""
    name, args = command.name, command.args
    if name in SHELLS:
        if options(args).has("-s"):
            return True
        return not command.script and _reads_stdin(options(args, {"-o", "-O"}).operands)
    if _LANGUAGES.fullmatch(name):
        found = options(args, {"-m", "-c", "-e", "-E", "-n", "-p", "-W", "-X"})
        no_program = not found.has("-m", "-c", "-e", "-E", "-n", "-p", "--eval")
        return no_program and _reads_stdin(found.operands)
    return False


def _reads_stdin(operands: tuple[str, ...]) -> bool:
    return not operands or operands[0] in {"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}


def _runs_words(command: Command) -> bool:
    """Whether ``command`` is an interpreter with a substitution for its program."""
    name = command.name
    if name not in SHELLS | _SOURCES and not _LANGUAGES.fullmatch(name):
        return False
    return any(word.lstrip().startswith(_SUBSTITUTED) for word in (*command.args, command.stdin))


def _outputs(command: Command) -> Iterator[str]:
    """Yield the files that a download writes."""
    yield from (r.target for r in command.redirects if r.operator in {">", ">>", ">|", "&>"})
    if command.name == "curl":
        found = options(command.args, CURL)
        yield from found.values("-o", "--output")
        if found.has("-O", "--remote-name", "--remote-name-all"):
            yield from map(_base, found.operands)
    elif command.name == "wget":
        found = options(command.args, WGET)
        named = list(found.values("-O", "--output-document"))
        yield from named or map(_base, found.operands)
    elif command.name in {"aria2c", "axel", "fetch"}:
        yield from options(command.args, {"-o", "-d"}).values("-o", "--out", "--output")


def _base(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2].partition("?")[0]


def _plain(path: str) -> str:
    """Return a path so that ``./a``, ``a`` and ``/tmp/a`` may be told to be the same file."""
    return path.rpartition("/")[2]


@cache
def _programs() -> tuple[tuple[re.Pattern[str], frozenset[str]], ...]:
    """Return programs, and options of theirs that no build should need."""
    return tuple(
        (re.compile(pattern), frozenset(options.split()))
        for pattern, options in (
            ("curl", "-k --insecure --proxy-insecure --doh-insecure"),
            ("wget", "--no-check-certificate"),
            (r"pip[0-9.]*|uv|python[0-9.]*|pipx|pipenv", "--trusted-host --allow-insecure-host"),
            ("npm|yarn|pnpm", "--no-strict-ssl"),
            (
                "apt|apt-get|aptitude",
                (
                    "--allow-unauthenticated --force-yes --allow-insecure-repositories"
                    " --allow-downgrade-to-insecure-repositories"
                ),
            ),
            ("apk", "--allow-untrusted"),
            (
                "yum|dnf|dnf5|microdnf|tdnf|zypper|yum-config-manager",
                (
                    "--nogpgcheck --nogpg --no-gpg-check --no-gpg-checks --allow-unsigned-rpm"
                    " --gpg-auto-import-keys"
                ),
            ),
            ("rpm|rpmkeys", "--nosignature --nodigest"),
            ("dpkg", "--force-bad-verify --force-all"),
            ("debootstrap", "--no-check-gpg --no-check-certificate"),
            ("go", "-insecure"),
            ("aws", "--no-verify-ssl"),
            ("kubectl|helm|oc", "--insecure-skip-tls-verify"),
            ("cosign", "--insecure-ignore-tlog --allow-insecure-registry --insecure-ignore-sct"),
            ("conda|mamba|micromamba", "--insecure -k"),
            ("gem", "--no-verify"),
        )
    )


@cache
def _settings() -> tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...]:
    """Return programs, arguments of theirs that turn verification off, and what they do."""
    return tuple(
        (re.compile(pattern), re.compile(text), what)
        for pattern, text, what in (
            ("npm|yarn|pnpm", r"strict-ssl[ =]false", "npm's strict-ssl is turned off"),
            ("git", r"(?i)http\.(?:\S+\.)?sslverify[ =](?:false|0)", "git's http.sslVerify is off"),
            (
                "apt|apt-get",
                r"(?i)AllowUnauthenticated=(?:true|1|yes)",
                "apt takes unsigned packages",
            ),
            ("apt|apt-get", r"(?i)Verify-(?:Peer|Host)=(?:false|0)", "apt does not verify servers"),
            ("conda|mamba", r"ssl_verify (?:false|no)", "conda's ssl_verify is turned off"),
            (
                "composer",
                r"disable-tls (?:true|1)|secure-http (?:false|0)",
                "composer's TLS is off",
            ),
            ("bundle", r"ssl_verify_mode 0", "bundler's ssl_verify_mode is 0"),
            ("go", r"\b(?:GOINSECURE|GONOSUMDB)=\S|GOSUMDB=off", "go's checksum database is off"),
            (
                "ssh|scp|sftp|rsync|git",
                r"(?i)StrictHostKeyChecking[ =]no",
                "no host key is checked",
            ),
            ("skopeo|buildah|podman|docker", r"tls-verify=(?:false|0)", "a registry's TLS is off"),
            ("http|https|xh", r"--verify[ =](?:no|false)", "httpie does not verify servers"),
            ("pip[0-9.]*", r"config set \S*trusted-host", "pip trusts a host without TLS"),
        )
    )


@cache
def _written() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return settings that turn verification off wherever they are written."""
    return tuple(
        (re.compile(text), what)
        for text, what in (
            (
                r"(?i)\btrusted\s*[=:]\s*yes\b(?![^\n]*\]\s*file:)",
                "a source of apt is trusted unsigned",
            ),
            (r"(?i)\b(?:repo_)?gpgcheck\s*=\s*(?:0|no|false)\b", "gpgcheck is turned off"),
            (r"(?i)\bsslverify\s*=\s*(?:0|no|false)\b", "sslverify is turned off"),
            (r"(?i)\bStrictHostKeyChecking\s+no\b", "ssh is told to check no host keys"),
            (
                r"(?i)AllowUnauthenticated\s+\"?(?:true|1|yes)",
                "apt is told to take unsigned packages",
            ),
            (r"(?i)Verify-Peer\s+\"?(?:false|0)", "apt is told not to verify servers"),
            (r"(?m)^\s*(?:insecure|check_certificate\s*=\s*off)\s*$", "downloads verify no server"),
        )
    )


_BAD_WHEN_OFF: Final = listed(
    "NODE_TLS_REJECT_UNAUTHORIZED PYTHONHTTPSVERIFY NPM_CONFIG_STRICT_SSL YARN_ENABLE_STRICT_SSL"
    " YARN_STRICT_SSL GOSUMDB BUNDLE_SSL_VERIFY_MODE CONDA_SSL_VERIFY GIT_SSL_VERIFY"
)
_BAD_WHEN_ON: Final = listed(
    "GIT_SSL_NO_VERIFY COMPOSER_DISABLE_TLS SSL_NO_VERIFY PERL_LWP_SSL_NO_VERIFY HOMEBREW_INSECURE"
    " AWS_NO_VERIFY_SSL"
)
_BAD_WHEN_SET: Final = listed(
    "PIP_TRUSTED_HOST UV_INSECURE_HOST UV_ALLOW_INSECURE_HOST GOINSECURE GONOSUMDB GONOSUMCHECK"
)
