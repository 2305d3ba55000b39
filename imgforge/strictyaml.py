"""YAML from outside: maps, lists and texts, and nothing that makes more of them.

Lock files are written by programs: plain scalars stay the text they are (``1.10`` is a version, not
a number), and anchors, aliases, merge keys and tags, by which a few lines become gigabytes (the
"billion laughs") or objects, are refused. libyaml's events are read one by one, so neither depth
nor size of a document takes a recursion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

EVENTS: Final = 2_000_000
"""Values and marks of a document."""

DEPTH: Final = 100


def load(data: bytes) -> Any:  # noqa: ANN401 - a document of unknown shape
    """Return the one document: dict, list or str; ValueError on anything else or unclear.

    What is empty is an empty text.
    """
    documents = load_all(data)
    if len(documents) > 1:
        raise ValueError("the YAML has several documents")
    return documents[0] if documents else ""


def load_all(data: bytes) -> list[Any]:
    """Return all documents (those between ``---``), each as :func:`load` does."""
    import yaml

    if not yaml.__with_libyaml__:  # the wheels have it; without, minutes pass unseen
        raise RuntimeError("PyYAML was built without libyaml")
    try:
        return _built(yaml.parse(data, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"it is no YAML{where}") from error
    except UnicodeDecodeError as error:
        raise ValueError("the YAML is no UTF-8") from error


def load_object(data: bytes) -> dict[str, Any]:
    """Return a document that is a map, like :func:`load`; ValueError if it is something else."""
    value = load(data)
    if not isinstance(value, dict):
        raise ValueError("not a YAML map")  # noqa: TRY004 - one error for bad input
    return value


def _built(events: Iterator[Any]) -> list[Any]:
    root: list[Any] = []
    open_: list[_Open] = [_Open(root)]
    for count, event in enumerate(events):
        if count > EVENTS:
            raise ValueError(f"the YAML has over {EVENTS} values")
        kind = type(event).__name__
        if kind == "AliasEvent" or getattr(event, "anchor", None) is not None:
            raise ValueError("the YAML has anchors or aliases")
        if kind == "ScalarEvent":
            if event.tag is not None:
                raise ValueError(f"the YAML has the tag {event.tag[:40]}")
            open_[-1].add(event.value)
        elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
            if event.tag is not None:
                raise ValueError(f"the YAML has the tag {event.tag[:40]}")
            if len(open_) > DEPTH:
                raise ValueError(f"the YAML is nested over {DEPTH} deep")
            inner: dict[str, Any] | list[Any] = {} if kind == "MappingStartEvent" else []
            open_[-1].add(inner)
            open_.append(_Open(inner))
        elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
            open_.pop()
    return root


class _Open:
    """A map or list that is being filled."""

    def __init__(self, value: dict[str, Any] | list[Any]) -> None:
        self.value = value
        self.key: str | None = None

    def add(self, item: Any) -> None:  # noqa: ANN401 - see load
        if isinstance(self.value, list):
            self.value.append(item)
        elif self.key is None:
            if not isinstance(item, str):
                raise ValueError("a key of the YAML is no text")  # noqa: TRY004 - bad input
            if item in self.value or item == "<<":
                raise ValueError(f"the YAML repeats or merges the key {item[:80]!a}")
            self.key = item
        else:
            self.value[self.key] = item
            self.key = None
