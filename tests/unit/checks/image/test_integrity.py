from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import madeimage as made
from judged import APP, findings


def test_files_not_read_and_broken_records(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a", "x" * 100)
    secret = bytearray(packed.getvalue())
    for flags in (6, secret.index(b"PK\1\2") + 8):
        secret[flags] |= 1
    members = [
        made.file("opt/a.gz", gzip.compress(b"x" * 100)[:-9]),
        made.file("opt/b.zip", packed.getvalue()),
        made.file("opt/c.zip", bytes(secret)),
        made.file("x.dist-info/METADATA", b"?"),
    ]
    found = findings(tmp_path, [*APP, *members])
    assert [(finding.check, finding.path, str(finding.severity)) for finding in found] == [
        ("IF044", "opt/b.zip", "high"),
        ("IF044", "opt/c.zip", "medium"),
        ("IF045", "x.dist-info/METADATA", "medium"),
        ("IF044", "opt/a.gz", "low"),
    ]
