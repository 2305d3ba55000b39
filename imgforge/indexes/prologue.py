"""The shell with which an installing step begins: it makes the machine's settings known to it."""

from __future__ import annotations

from collections.abc import Collection

from imgforge import keystore
from imgforge.indexes import AUTHORITY, INDEXES, KEYSTORE
from imgforge.indexes import MOUNTED as _MOUNTED

_JAVA = (
    f"-Djavax.net.ssl.trustStore={_MOUNTED}/{KEYSTORE} -Djavax.net.ssl.trustStoreType=JKS "
    f"-Djavax.net.ssl.trustStorePassword={keystore.PASSWORD}"
)


def lines(names: tuple[str, ...], secrets: Collection[str]) -> list[str]:
    """Return the lines for a step with the indexes ``names`` and the spec's own ``secrets``.

    Whatever the machine did not give is not there, and then nothing is set.
    """
    if not names:
        return []
    indexes = [INDEXES[name] for name in names]
    found = [
        f"if [ -s {_MOUNTED}/{index.secret} ]; then "
        f"set -a; . {_MOUNTED}/{index.secret}; set +a; fi;"
        for index in indexes
        if index.secret in index.secrets
    ]
    variables = dict.fromkeys(name for index in indexes for name in index.authority)
    settings = " ".join(f"{name}={_MOUNTED}/{AUTHORITY}" for name in variables)
    if settings:
        found.append(f"if [ -s {_MOUNTED}/{AUTHORITY} ]; then export {settings}; fi;")
    if any(index.java for index in indexes):
        # Every Java heeds this variable, also those that a build tool starts.
        found.append(
            f"if [ -s {_MOUNTED}/{KEYSTORE} ]; then export JAVA_TOOL_OPTIONS='{_JAVA}'; fi;"
        )
    files = dict.fromkeys(file for index in indexes for file in index.files)
    found += [f"if [ -s {_MOUNTED}/{file.secret} ]; then {file.prepare} fi;" for file in files]
    if "netrc" in secrets:
        found.append(f"export NETRC={_MOUNTED}/netrc;")
    return found
