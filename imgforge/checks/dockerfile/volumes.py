"""IF160: dangerous volumes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.secrets.names import listed

RULE: Final = Rule(
    "IF160",
    Severity.HIGH,
    "A volume covers a place that must not be one",
    why=(
        "A VOLUME is made anew for each container and hides what the image has there. Over "
        "system folders it takes programs and settings out of the image's digest and makes "
        "them writable; for an engine's socket it invites whoever runs the image to mount "
        "it, which is root on the host."
    ),
    remedy=(
        "Name a folder of the application's own data, or leave VOLUME out and mount at the start."
    ),
    example="""\
VOLUME ["/var/run/docker.sock", "/etc"]
# better
VOLUME ["/var/lib/app"]
""",
    references=(
        "CIS Docker Benchmark 5.5",
        "CIS Docker Benchmark 5.31",
        "Dockle DKL-DI-0002",
        "NIST SP 800-190 4.4.3",
    ),
)

_PLACES: Final = listed(
    "/ /bin /boot /dev /etc /lib /lib32 /lib64 /opt /proc /root /run /sbin /sys /usr /usr/bin"
    " /usr/lib /usr/local /usr/local/bin /usr/sbin /var /var/run /var/lib"
)
_BELOW: Final = ("/dev/", "/proc/", "/sys/", "/etc/", "/boot/")


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge the paths of VOLUME in the image's own stages."""
    for step in subject.shipped("VOLUME"):
        for path in step.args:
            plain = posixpath.normpath(f"/{path.strip()}").replace("//", "/")
            if plain in _PLACES or plain.startswith(_BELOW) or plain.endswith(".sock"):
                message = f"VOLUME {path} is a place of the system"
                yield RULE.finding(message, path=subject.path, line=step.line, key=plain)
