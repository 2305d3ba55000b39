"""IF035: ways to log in from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import FILE, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.ports import exposed
from imgforge.checks.image.programs import found
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF035",
    Severity.HIGH,
    "One can log in to the container from outside",
    why="A login server is a second way in, with accounts and keys of its own that nobody rotates"
    " and that the platform does not log. Keys in the image are worse: whoever may pull it can"
    " impersonate every container made of it, and an authorized key opens all of them.",
    remedy="Use docker exec or kubectl exec, and remove server, keys and configuration; allow-ssh"
    " in the policy, and ssh among the tools in the spec's [run], allow a server, never keys.",
    example="RUN apt-get install -y openssh-server\nEXPOSE 22\n# nothing instead: docker exec -it"
    " web /bin/tool",
    references=(
        "NIST SP 800-190 4.1.2",
        "Trivy DS-0004",
        "hadolint DL3011",
    ),
)

SERVERS: Final = frozenset(
    {"dropbear", "dropbearmulti", "in.ftpd", "in.rlogind", "in.rshd", "in.telnetd", "proftpd"}
    | {"pure-ftpd", "sshd", "telnetd", "tinysshd", "vsftpd", "x11vnc", "Xvnc", "xrdp"}
)
IDENTITIES: Final = frozenset({"sshd", "dropbear"})
_PORTS: Final = {
    21: "FTP",
    22: "SSH",
    23: "telnet",
    512: "rexec",
    513: "rlogin",
    514: "rsh",
    3389: "remote desktop",
    5900: "VNC",
}
_HOST_KEYS: Final = frozenset(
    f"ssh_host{kind}_key" for kind in ("", "_dsa", "_ecdsa", "_ed25519", "_rsa", "_xmss")
) | {f"dropbear_{kind}_host_key" for kind in ("dss", "ecdsa", "ed25519", "rsa")}
_AUTHORISED: Final = ("authorized_keys", "authorized_keys2", ".rhosts", "hosts.equiv", ".shosts")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find keys (high, always), and servers, their ports and configuration (medium)."""
    yield from _keys(image)
    if not policy.allow_ssh:
        yield from _servers(image)


def _keys(image: ImageFacts) -> Iterator[Finding]:
    for name in _AUTHORISED:
        for path in image.named(name):
            fact = image.files[path]
            if fact.kind == FILE and fact.size:
                layer = image.layers[fact.layer].digest
                yield RULE.finding(f"/{path} lets its owners log in", path=path, layer=layer)
    for name in _HOST_KEYS & image.names:
        for path in image.named(name):
            message = f"/{path} is a host key that every copy of the image shares"
            yield RULE.finding(message, path=path)


def _servers(image: ImageFacts) -> Iterator[Finding]:
    medium = Severity.MEDIUM
    yield from found(image, RULE, "a login server", SERVERS, IDENTITIES, severity=medium)
    for path in image.named("sshd_config"):
        if path.startswith("etc/"):
            message = f"/{path} configures an SSH server"
            yield RULE.finding(message, path=path, severity=medium)
    for first, last, _ in exposed(image):
        for port, service in _PORTS.items():
            if first <= port <= last:
                message = f"port {port} ({service}) is exposed"
                yield RULE.finding(message, key=f"port:{port}", severity=medium)
