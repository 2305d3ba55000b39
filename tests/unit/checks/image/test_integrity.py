from __future__ import annotations

from pathlib import Path

import madeimage as made
from judged import APP, findings, ids


def test_sparse_files_and_broken_records(tmp_path: Path) -> None:
    sparse = made.file("s", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.name": "s"})
    record = made.file("x.dist-info/METADATA", b"?")
    assert ids(findings(tmp_path, [*APP, sparse, record])) == ["IF044", "IF045"]
