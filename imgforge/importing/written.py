"""The text of the spec: what was made of the Dockerfile, and what a person must still settle."""

from __future__ import annotations

from typing import Any, Final

from imgforge.console import harmless
from imgforge.importing.translation import Translation

_WIDTH: Final = 100
_ORDER: Final = {
    "image": ("name", "title", "description", "version", "licenses", "source", "labels"),
    "stack": ("name", "version", "packages", "parameters"),
    "app": ("source", "exclude", "lock", "entrypoint", "command", "ports", "stop-signal"),
    "env": (),
    "run": ("user", "required-env", "writable"),
    "health": ("command", "interval", "timeout", "start-period", "retries"),
}


def text(found: Translation) -> str:
    """Return an ``imgforge.toml``: comments first, then the tables in the order of the manual."""
    lines = [f"# Made from {found.name} by imgforge import."]
    if found.open:
        lines.append("# These lines need a person who knows what they are for:")
        lines += [f"#   {row.line}: {_short(row.said)}: {harmless(row.note)}" for row in found.open]
    for name in [*_ORDER, *(key for key in found.spec if key not in _ORDER)]:
        table: dict[str, Any] = found.spec.get(name, {})
        if not table:
            continue
        keys = [key for key in _ORDER.get(name, ()) if key in table]
        keys += [key for key in table if key not in keys]
        lines += ["", f"[{name}]"]
        own: list[str] = []
        for key in keys:
            value = table[key]
            if name == "stack" and isinstance(value, dict):
                own = [f"[{name}.{key}]", *(_line(k, v) for k, v in value.items())]
            elif isinstance(value, dict):
                inner = ", ".join(_pair(k, v) for k, v in value.items())
                lines.append(f"{_key(key)} = {{ {inner} }}")
            else:
                lines.append(_line(key, value))
        lines += ["", *own] if own else []
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:  # noqa: ANN401 - decoded TOML
    if not isinstance(value, list):
        return _pair(key, value)
    line = f"{_key(key)} = [{', '.join(_pair('x', item)[4:] for item in value)}]"
    return line if len(line) <= _WIDTH else _pair(key, value)


def _pair(key: str, value: Any) -> str:  # noqa: ANN401 - decoded TOML
    import tomli_w

    return tomli_w.dumps({key: value}).strip()


def _key(key: str) -> str:
    return _pair(key, 0).rpartition(" = ")[0]


def _short(said: str) -> str:
    """Return what stood in the Dockerfile as a comment can hold it: one line, printable."""
    line = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    return line if len(line) <= 60 else line[:57] + "..."  # noqa: PLR2004 - a line of comment
