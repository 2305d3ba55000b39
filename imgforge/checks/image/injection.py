"""IF055: settings that load foreign code into programs, or turn their safeguards off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import Identity, identity, may_replace, may_write
from imgforge.checks.image.search_path import unsafe
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF055",
    Severity.HIGH,
    "A setting loads foreign code or turns a safeguard off",
    why="The loader and the language runtimes obey these variables before any line of the program"
    " runs: a library in LD_PRELOAD is in every process, an agent or debugger port takes orders,"
    " and with certificate checks off anybody on the way reads and changes what is sent. Set in"
    " the image, they hold for every container, unseen.",
    remedy="Remove the setting; add the authority's certificate instead of turning checks off.",
    example="ENV NODE_TLS_REJECT_UNAUTHORIZED=0\nENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/acme.pem",
    references=(
        "ld.so(8)",
        "MITRE ATT&CK T1574.006",
        "CWE-295",
        "CWE-426",
        "CIS Docker Benchmark 4.11",
    ),
)

_HIGH: Final = Severity.HIGH
_MEDIUM: Final = Severity.MEDIUM
_ON: Final = re.compile(r"(?i)1|true|yes|on")
_OFF: Final = re.compile(r"(?i)0|false|no|off|none|disabled?")
_ANY: Final = re.compile(r".*\S.*", re.DOTALL)
_TLS: Final = "turns the check of certificates off"
_SUMS: Final = "turns the check of downloads off"

_DANGEROUS: Final[dict[str, tuple[re.Pattern[str], Severity, str]]] = {
    "NODE_TLS_REJECT_UNAUTHORIZED": (re.compile("0"), _HIGH, _TLS),
    "PYTHONHTTPSVERIFY": (re.compile("0"), _HIGH, _TLS),
    "GIT_SSL_NO_VERIFY": (_ANY, _HIGH, _TLS),
    "NPM_CONFIG_STRICT_SSL": (_OFF, _HIGH, _TLS),
    "YARN_STRICT_SSL": (_OFF, _HIGH, _TLS),
    "YARN_ENABLE_STRICT_SSL": (_OFF, _HIGH, _TLS),
    "PIP_TRUSTED_HOST": (_ANY, _HIGH, _TLS),
    "UV_INSECURE_HOST": (_ANY, _HIGH, _TLS),
    "BUNDLE_SSL_VERIFY_MODE": (re.compile("0|none"), _HIGH, _TLS),
    "GOINSECURE": (_ANY, _HIGH, _TLS),
    "GONOSUMDB": (re.compile(r"[*]"), _HIGH, _SUMS),
    "GOSUMDB": (re.compile("off"), _HIGH, _SUMS),
    "CURL_CA_BUNDLE": (re.compile(r"\s*"), _MEDIUM, f"{_TLS} in older programs of Python"),
    "VAULT_SKIP_VERIFY": (_ON, _HIGH, _TLS),
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": (_ON, _HIGH, _TLS),
    "LD_AUDIT": (_ANY, _HIGH, "loads a library into every program, before all others"),
    "BASH_ENV": (_ANY, _MEDIUM, "is read by every script of bash"),
    "ENV": (re.compile(r"[/.~$].*"), _MEDIUM, "is read by every interactive sh"),
    "PROMPT_COMMAND": (_ANY, _MEDIUM, "is run by every interactive bash"),
    "PERL5OPT": (re.compile(r".*-?[MmdI].*"), _MEDIUM, "loads code into every Perl program"),
    "PERL5DB": (_ANY, _MEDIUM, "is run by Perl's debugger"),
    "RUBYOPT": (re.compile(r".*-[rI].*"), _MEDIUM, "loads code into every Ruby program"),
    "PYTHONSTARTUP": (_ANY, _MEDIUM, "is run by every interactive Python"),
    "PYTHONBREAKPOINT": (re.compile(r".*\..*"), _MEDIUM, "names code that breakpoint() calls"),
    "PYTHONINSPECT": (_ANY, _MEDIUM, "leaves a prompt open when a program ends"),
    "FLASK_DEBUG": (_ON, _HIGH, "opens a console that runs whatever is typed in a browser"),
    "WERKZEUG_DEBUG_PIN": (re.compile("off"), _HIGH, "opens Werkzeug's console to everybody"),
    "GLIBC_TUNABLES": (_ANY, Severity.LOW, "changes the C library in every program"),
}
_LOWER: Final = frozenset({"NPM_CONFIG_STRICT_SSL"})
"""Read in lower case as well."""

_JAVA: Final = (
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "JAVA_OPTS",
    "CATALINA_OPTS",
)
_JAVA_BAD: Final = {
    re.compile(r"-agentlib:jdwp|-Xrunjdwp"): "opens a debugger port",
    re.compile(r"jmxremote\.authenticate=false"): "lets everybody manage the program",
    re.compile(r"-Dcom\.sun\.jndi\.\w+\.object\.trustURLCodebase=true"): "loads code from servers",
    re.compile(r"-Dlog4j2?\.formatMsgNoLookups=false"): "lets log messages load code",
}
_NODE_BAD: Final = {
    re.compile(r"--inspect(?:-brk|-wait|-port)?(?![-\w])"): "opens a debugger port",
    re.compile(r"--tls-min-v1\.[01]|--tls-cipher-list=\S*(?:NULL|RC4)"): "allows weak encryption",
    re.compile(r"--insecure-http-parser"): "takes malformed requests",
}
_NODE_LOADS: Final = re.compile(
    r"(?:-r|--require|--import|--loader|--experimental-loader)[ =](\S+)"
)


_Judge = Callable[[ImageFacts, Identity, str], Iterator[tuple[Severity, str]]]
"""Yields what is wrong with a variable's value, and how bad that is."""


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge the environment, variable by variable, and /etc/ld.so.preload."""
    who = identity(image)
    variables = {name: value for name, _, value in (i.partition("=") for i in image.settings.env)}
    for name, value in variables.items():
        upper = name.upper() if name.upper() in _LOWER else name
        if upper in _DANGEROUS:
            pattern, severity, does = _DANGEROUS[upper]
            if pattern.fullmatch(value):
                yield RULE.finding(f"{name} {does}", key=name, severity=severity)
        for severity, problem in _JUDGES[name](image, who, value) if name in _JUDGES else ():
            yield RULE.finding(f"{name} {problem}", key=f"{name}:{problem}", severity=severity)
    for word in (image.text("etc/ld.so.preload") or "").split():
        message = f"/etc/ld.so.preload loads {word} into every program"
        yield RULE.finding(message, path="etc/ld.so.preload", key=word)


def _preload(image: ImageFacts, who: Identity, value: str) -> Iterator[tuple[Severity, str]]:
    for name in re.split(r"[:\s]+", value.strip()):
        path = image.resolve(name) if name.startswith("/") else None
        fact = None if path is None else image.files.get(path)
        if not name:
            continue
        if fact is not None and path is not None:
            loose = may_write(who, fact) or may_replace(image, who, path)
        else:
            loose = name.startswith("/") and may_replace(image, who, name.strip("/"))
        if loose:
            yield _HIGH, f"loads {name} into every program, and the image's user decides what it is"
        else:
            yield _MEDIUM, f"loads {name} into every program"


def _folders(image: ImageFacts, who: Identity, value: str) -> Iterator[tuple[Severity, str]]:
    for folder in dict.fromkeys(value.split(":")) if value else ():
        problem = unsafe(image, who, folder)
        if problem:
            yield _MEDIUM, f"has {problem}"


def _java(image: ImageFacts, who: Identity, value: str) -> Iterator[tuple[Severity, str]]:  # noqa: ARG001 - one signature
    for pattern, does in _JAVA_BAD.items():
        if pattern.search(value):
            yield _HIGH, does


def _node(image: ImageFacts, who: Identity, value: str) -> Iterator[tuple[Severity, str]]:
    for pattern, does in _NODE_BAD.items():
        if pattern.search(value):
            yield _HIGH, does
    for name in _NODE_LOADS.findall(value):
        path = name.strip("/") if name.startswith("/") else ""
        fact = image.lookup(path) if path else None
        if path and (
            may_replace(image, who, fact.path if fact else path)
            or (fact is not None and may_write(who, fact))
        ):
            yield _HIGH, f"loads {name}, and the image's user decides what it is"


_JUDGES: Final[dict[str, _Judge]] = {
    "LD_PRELOAD": _preload,
    "LD_LIBRARY_PATH": _folders,
    "PYTHONPATH": _folders,
    "PERL5LIB": _folders,
    "RUBYLIB": _folders,
    "NODE_PATH": _folders,
    "CLASSPATH": _folders,
    "NODE_OPTIONS": _node,
    **dict.fromkeys(_JAVA, _java),
}
