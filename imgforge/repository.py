"""Repositories of source code by URI, in the one form in which they are compared.

``git+``, a final ``.git`` and a final slash mean nothing; scheme and host have no case, paths have
one. SSH without a port is written as HTTPS: the host decides who answers, and every forge serves
both under one name. What two readers could take differently is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 2000
"""Characters of a URI."""

_URI: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9]*)://(?:(?P<user>[^/@]*)@)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[\x21-\x7e]*)"
)
_SCP: Final = re.compile(
    r"(?:[A-Za-z0-9._-]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^/].*)"
)
_PATH: Final = re.compile(r"[A-Za-z0-9._~+@-]+(?:/[A-Za-z0-9._~+@-]+)*")
_REF: Final = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]+")
_PORTS: Final = {"https": "443", "http": "80", "ssh": "22", "git": "9418"}
_FOLDED: Final = re.compile(r"(?:git\+)?([A-Za-z*?]+://[^/]*)?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, such as ``https://example.com/acme/web``, and a ref in it, or empty."""

    repository: str
    ref: str = ""


def read(uri: str) -> Place:
    """Read ``[git+]scheme://host/path[@ref]``; ValueError saying why it names no one repository."""
    scheme, path = _split(uri)
    path, at, ref = path.partition("@")
    if "@" in ref:
        raise ValueError("it has more than one @: repository and ref cannot be told apart")
    if at and not _REF.fullmatch(ref):
        raise ValueError("its ref is none that git allows")
    return Place(_joined(scheme, path), ref)


def read_context(uri: str) -> Place:
    """Read a build context as BuildKit writes it, ``URL.git#ref:folder``; ValueError as above."""
    address, _, fragment = uri.partition("#")
    ref = fragment.partition(":")[0]
    if ref and not _REF.fullmatch(ref):
        raise ValueError("its ref is none that git allows")
    scheme, path = _split(address)
    if "@" in path:
        raise ValueError("it has an @ in its path")
    return Place(_joined(scheme, path), ref)


def of_remote(url: str) -> str:
    """Return a remote's repository without whoever logs in there, or empty.

    It is empty for what no one else can reach (a path) and for what has no sound form.
    """
    scp = _SCP.fullmatch(url) if "://" not in url else None
    text = f"ssh://{scp['host']}/{scp['path']}" if scp else url
    scheme, mark, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    bare = f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"
    try:
        scheme, path = _split(bare)
        return "" if "@" in path else _joined(scheme, path)
    except ValueError:
        return ""


def folded(glob: str) -> str:
    """Return a glob of repositories in the form of :class:`Place`, as far as a glob has one."""
    found = _FOLDED.fullmatch(glob)
    host, path = (found[1] or "", found[2]) if found else ("", glob)
    return host.lower() + path.rstrip("/").removesuffix(".git")


def _split(uri: str) -> tuple[str, str]:
    """Return ``scheme://host[:port]`` in lower case, and the path without its first slash."""
    if len(uri) > MAX_LENGTH:
        raise ValueError(f"it has over {MAX_LENGTH} characters")
    found = _URI.fullmatch(uri.removeprefix("git+"))
    if found is None:
        raise ValueError("it is no URI of a repository")
    scheme, user, port = found["scheme"].lower(), found["user"], found["port"]
    if scheme not in _PORTS:
        raise ValueError("its scheme is not one of " + ", ".join(sorted(_PORTS)))
    if user is not None and (scheme, user) != ("ssh", "git"):
        raise ValueError("it names a user before its host")
    if port is not None and port != _PORTS[scheme]:
        return f"{scheme}://{found['host'].lower()}:{int(port)}", found["path"][1:]
    return f"{'https' if scheme == 'ssh' else scheme}://{found['host'].lower()}", found["path"][1:]


def _joined(start: str, path: str) -> str:
    path = path.rstrip("/").removesuffix(".git")
    if not _PATH.fullmatch(path) or not {".", ".."}.isdisjoint(path.split("/")):
        raise ValueError("its path is not a plain one")
    return f"{start}/{path}"
