"""IF033: programs that fetch files or open connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.programs import found
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF033",
    Severity.MEDIUM,
    "The image has a tool to download or connect with",
    why="The second step of most intrusions is to fetch a larger program, and the third to connect"
    " out or look around the network. curl, nc and their like do that in one line; without them"
    " the intruder depends on what the application itself can do.",
    remedy="Download in a build stage or with ADD --checksum, use a health check of the program's"
    " own; or allow it: allow-downloader in the policy, and downloader among the tools in the"
    " spec's [run].",
    example="HEALTHCHECK CMD curl -f http://localhost:8080/     # ships curl\nHEALTHCHECK CMD"
    ' ["/app/server", "--health"]',
    references=("NIST SP 800-190 4.1.2", "CIS Docker Benchmark 4.3", "MITRE ATT&CK T1105"),
)

FETCH: Final = frozenset(
    {"aria2c", "axel", "curl", "elinks", "fetch", "ftp", "git", "http", "https", "httpie", "lftp"}
    | {"links", "links2", "lynx", "rclone", "rsync", "s3cmd", "scp", "sftp", "ssh", "svn", "tftp"}
    | {"w3m", "wget", "wget2"}
)
NETWORK: Final = frozenset(
    {"arp-scan", "hping3", "iftop", "masscan", "nc", "nc.openbsd", "nc.traditional", "ncat"}
    | {"netcat", "ngrep", "nmap", "ngrok", "proxychains", "socat", "tcpdump", "telnet", "tshark"}
    | {"chisel", "websocat"}
)
_FETCHING: Final = frozenset({"curl", "wget"})
_CONNECTING: Final = frozenset({"netcat"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find those that fetch (low) and those that talk to or watch the network (medium)."""
    if policy.allow_downloader:
        return
    yield from found(
        image, RULE, "a tool to download with", FETCH, _FETCHING, severity=Severity.LOW
    )
    yield from found(image, RULE, "a network tool", NETWORK, _CONNECTING)
