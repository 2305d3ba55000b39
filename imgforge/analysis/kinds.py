"""What a file is, told from its first bytes and from nothing else."""

from __future__ import annotations

import codecs
import re
from typing import Final

from imgforge.analysis.compression import GZIP, XZ, ZSTD
from imgforge.analysis.git import PACK, is_loose
from imgforge.analysis.tarfields import octal

ELF: Final = "elf"
SCRIPT: Final = "script"
ZIP: Final = "zip"
TAR: Final = "tar"
AR: Final = "ar"
COMPRESSED: Final = "compressed"
GIT_PACK: Final = "git pack"
GIT_OBJECT: Final = "git object"
UTF16: Final = "utf-16"
TEXT: Final = "text"
WINDOWS: Final = "windows"
BINARY: Final = "binary"
CLOSED: Final = "closed"

_FOUR: Final = {
    b"\x7fELF": ELF,
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": ZIP,
    # Java's classes are by far the most common of what is in archives.
    b"\xca\xfe\xba\xbe": BINARY,
    **dict.fromkeys(ZSTD, COMPRESSED),
}
_CLOSED: Final = {
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"MSCF": "a cabinet",
    b"\x04\x22\x4d\x18": "an LZ4 stream",
    b"LZIP": "an lzip stream",
    b"\xed\xab\xee\xdb": "an RPM package",
    b"hsqs": "a squashfs image",
    b"0707": "a cpio archive",
}
_CPIO: Final = (b"070701", b"070702", b"070707")
_TWO: Final = {
    b"#!": SCRIPT,
    GZIP: COMPRESSED,
    b"\xff\xfe": UTF16,
    b"\xfe\xff": UTF16,
}
_MORE: Final = {
    XZ[:2]: (re.compile(re.escape(XZ)), COMPRESSED),
    b"BZ": (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), COMPRESSED),
    b"PA": (PACK, GIT_PACK),
    b"!<": (re.compile(rb"!<arch>\ndebian-binary"), AR),
}
"""Starts that are long or vary, by their first two bytes."""

_HEAD: Final = 8000
"""Bytes without a zero that make a text, as git judges."""

_WIDE: Final = {"utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE}
_LEAST: Final = 8
"""Characters from which on zeros tell something."""
_SAMPLE: Final = 512
_CHECKSUM: Final = re.compile(rb"[ 0]?[0-7]{4,6}[\0 ]{1,2}")
_MOST: Final = 0.9
_FEW: Final = 0.05


def kind(head: bytes) -> str:
    """Return one of this module's kinds for a file that begins with ``head``."""
    found = _FOUR.get(head[:4]) or _TWO.get(head[:2])
    if found:
        return found
    if head[:2] in _MORE:
        start, other = _MORE[head[:2]]
        if start.match(head):
            return other
    for known, other in ((closed, CLOSED), (_is_tar, TAR), (is_loose, GIT_OBJECT)):
        if known(head):
            return other
    if b"\0" not in head[:_HEAD]:
        return TEXT
    return UTF16 if encoding(head) else WINDOWS if head[:2] == b"MZ" else BINARY


def closed(head: bytes) -> str:
    """Say what archive this is that is not opened here; empty if it is none."""
    found = _CLOSED.get(head[:4], "")
    return "" if head[:4] == b"0707" and not head.startswith(_CPIO) else found


def encoding(head: bytes) -> str:
    """Return the codec of UTF-16 or UTF-32 text; empty if it is none. A mark of order may begin it.

    Without one, text in which nearly every second byte is zero, and hardly any other, is taken
    for UTF-16: of whatever script, what could be a credential is of letters and digits.
    """
    for codec, mark in _WIDE.items():
        if head.startswith(mark):
            return codec
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if head[0] == 0xFF else "utf-16-be"  # noqa: PLR2004 - the mark
    sample = head[:_SAMPLE]
    zeros = [sample[at::4].count(0) for at in range(4)]
    quarter = len(sample) // 4
    if quarter >= _LEAST and min(zeros[1:3]) >= quarter * _MOST:
        if zeros[3] >= quarter * _MOST and zeros[0] <= quarter * _FEW:
            return "utf-32-le"
        if zeros[0] >= quarter * _MOST and zeros[3] <= quarter * _FEW:
            return "utf-32-be"
    half = len(sample) // 2
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd >= half * _MOST and even <= half * _FEW:
        return "utf-16-le"
    return "utf-16-be" if even >= half * _MOST and odd <= half * _FEW else ""


def _is_tar(head: bytes) -> bool:
    """Whether a tar header stands here: with a magic, or an old one whose checksum is right."""
    if head[257:262] == b"ustar":
        return True
    field = head[148:156]
    if head[:1] == b"\0" or not _CHECKSUM.fullmatch(field):
        return False
    return octal(field) == sum(head[:512]) - sum(field) + 8 * 32
