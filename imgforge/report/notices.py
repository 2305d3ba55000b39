"""Notices as a text to ship beside an image, and as JSON. Deterministic: no time, no place."""

from __future__ import annotations

import json

from imgforge.licences.notices import Notices
from imgforge.report.text import plain

_RULE = "=" * 80


def render(name: str, found: Notices) -> str:
    """Return the text: every package with its licence, then every text once, numbered."""
    numbers = {text: f"[{number}]" for number, text in enumerate(found.texts, 1)}
    on = f", {found.platform}" if found.platform else ""
    bare = sum(not notice.texts for notice in found.packages)
    lines = [
        f"Notices of {plain(name)}",
        f"({found.digest}{on})",
        "",
        f"{len(found.packages)} packages, {len(found.texts)} texts"
        + (f"; of {bare} there is none here." if bare else "."),
        "",
    ]
    for notice in found.packages:
        licence = notice.licence or notice.said or "licence not known"
        marks = " ".join(numbers[text] for text in notice.texts)
        row = f"{notice.ecosystem} {notice.name} {notice.version}: {licence}"
        lines.append(f"{plain(row)} {marks}".rstrip())
    owners: dict[str, list[str]] = {}
    for notice in found.packages:
        for each in dict.fromkeys(notice.texts):
            owners.setdefault(each, []).append(f"{notice.ecosystem} {notice.name}")
    for digest, text in found.texts.items():
        of = ", ".join(owners.get(digest, ()))
        lines += ["", _RULE, f"{numbers[digest]} of {plain(of)}"]
        lines += [*(f"    /{plain(path)}" for path in text.paths), _RULE, "", text.content.rstrip()]
    return "\n".join(lines) + "\n"


def as_json(name: str, found: Notices) -> str:
    """Return the same as JSON: ``packages`` name their texts, ``texts`` have them by sha256."""
    value = {
        "image": plain(name),
        "digest": found.digest,
        "platform": str(found.platform) if found.platform else None,
        "packages": [
            {**notice._asdict(), "name": plain(notice.name), "said": plain(notice.said)}
            for notice in found.packages
        ],
        "texts": {
            text: {"paths": [plain(path) for path in each.paths], "text": each.content}
            for text, each in found.texts.items()
        },
    }
    return json.dumps(value, indent=2) + "\n"
