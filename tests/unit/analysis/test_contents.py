from __future__ import annotations

import hashlib
from pathlib import Path

import madeimage as made

from imgforge.analysis.contents import digests


def test_digests_of_files_with_holes_are_those_of_what_is_unpacked(tmp_path: Path) -> None:
    records = {
        "GNU.sparse.map": "3000000,3",
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.size": "4000000",
    }
    raw = made.tar(made.file("s", b"abc", pax_headers=records), made.file("other"))
    path = tmp_path / "blob"
    path.write_bytes(raw)
    whole = bytes(3_000_000) + b"abc" + bytes(4_000_000 - 3_000_003)
    digest = "sha256:" + hashlib.sha256(raw).hexdigest()
    assert digests(path, digest, {"s"}) == {"s": hashlib.sha256(whole).hexdigest()}
