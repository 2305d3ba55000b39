"""IF006: accounts without a password, and password hashes that are shipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.layers import still_shipped
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF006",
    Severity.HIGH,
    "An account has an empty password, or its hash is shipped",
    why="With an empty password anybody in the container becomes that account through su or a"
    " login, as in Alpine's images of 2019. A hash that is shipped can be guessed at leisure by"
    " everybody who may pull the image, and the password works wherever else it is used.",
    remedy="Lock the account (passwd -l, or * in shadow) and change the password wherever it is"
    " used.",
    example="RUN echo 'root:secret' | chpasswd  # ships a hash\n# no password at all: nobody logs"
    " in to a container\nUSER 65532:65532",
    references=("Dockle DKL-LI-0001", "CVE-2019-5021", "CIS Distribution Independent Linux 6.2.1"),
)

_FILES: Final = ("etc/passwd", "etc/shadow")
_NO_HASH: Final = re.compile(r"!*(?:[x*!]|\*[A-Z]+\*|)")
"""Fields that no password matches (shadow(5)): ``*``, ``!``, ``!!``, ``!*``, ``*LK*``, ``x``."""
_FIELDS: Final = 2


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find them in passwd and shadow, hashes also in files that later layers hide."""
    for path in _FILES:
        for name, password in _passwords(image.text(path) or ""):
            if not password:
                message = f"the account {name!r} has an empty password in /{path}"
                yield RULE.finding(message, path=path, key=f"empty:{name}")
            elif not _NO_HASH.fullmatch(password):
                message = f"/{path} has a password hash of the account {name!r}"
                yield RULE.finding(message, path=path, key=f"hash:{name}")
    for index, layer in enumerate(image.layers):
        for path in _FILES:
            text = layer.captured.get(path)
            if text is None or image.is_visible(index, path):
                continue
            for name, password in _passwords(text):
                if password and not _NO_HASH.fullmatch(password):
                    message = f"/{path} has a password hash of the account {name!r}"
                    message += still_shipped(image, index)
                    key = f"hash:{name}:layer{index}"
                    yield RULE.finding(message, path=path, layer=layer.digest, key=key)


def _passwords(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) > _FIELDS and fields[0]:
            yield fields[0], fields[1]
