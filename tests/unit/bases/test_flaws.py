from __future__ import annotations

from pathlib import Path

import madeadvisories as made
import pytest

from imgforge.bases import flaws
from imgforge.bases.changes import between
from imgforge.errors import InvalidInputError
from imgforge.lock import (
    LockedBase,
    LockedLayer,
    LockedPlatform,
    Package,
    Tarball,
    Wheel,
)
from imgforge.oci.types import Platform


def base(openssl: str, wheel: str, tarball: str) -> LockedBase:
    integrity = "sha512-" + "A" * 86 + "=="
    path = "pool/libssl3.deb"
    layer = LockedLayer(
        "demo",
        (Package("libssl3", "9", "amd64", "openssl", openssl, "a" * 64, 1, path, "trixie"),),
        (Wheel("Some_Tool", wheel, ("b" * 64,), "c" * 64, 1),),
        (Tarball("@acme/tool", tarball, "d" * 64, 1, "tool.tgz", integrity),),
    )
    digest = "sha256:" + "1" * 64
    return LockedBase(
        name="demo",
        source="packages",
        reference="imgforge/demo",
        digest=digest,
        epoch=0,
        definition=digest,
        archives=(),
        platforms=(LockedPlatform(Platform("linux", "amd64"), digest, (layer,)),),
        abi="debian13 python3.13",
    )


OLD, NEW = base("3.5.0-1", "1.0", "1.0.0"), base("3.5.2-1", "1.1", "1.0.1")


def test_without_a_database_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_DB", str(tmp_path / "none.sqlite"))
    assert flaws.mended(OLD, NEW) == {}


def test_what_the_old_packages_have_and_the_new_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [
        # Debian's advisories speak of the source package and its version.
        made.advisory("CVE-2026-1", "openssl", *made.before("3.5.1-1"), ecosystem="Debian:13"),
        made.advisory("CVE-2026-2", "openssl", *made.before("3.5.9-1"), ecosystem="Debian:13"),
        made.advisory("CVE-2026-3", "some-tool", *made.before("1.1")),
        made.advisory("CVE-2026-4", "@acme/tool", *made.before("1.0.1"), ecosystem="npm"),
    ]
    made.database(tmp_path, *documents).close()
    (found,) = tmp_path.glob("*.sqlite")
    monkeypatch.setenv("IMGFORGE_DB", str(found))
    mended = flaws.mended(OLD, NEW)
    assert mended == {
        ("deb", "libssl3"): ("CVE-2026-1",),
        ("pypi", "Some_Tool"): ("CVE-2026-3",),
        ("npm", "@acme/tool"): ("CVE-2026-4",),
    }
    changes = between(OLD, NEW, None, mended)
    assert changes.security == 2  # libssl3 is of the same version in both
    assert list(changes.lines()) == [
        "  @acme/tool (npm) 1.0.0 → 1.0.1  security: CVE-2026-4",
        "  Some_Tool (pypi) 1.0 → 1.1  security: CVE-2026-3",
    ]
    assert changes.packages[0].to_json()["mends"] == ["CVE-2026-4"]


def test_a_damaged_database_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(b"no database" * 1000)
    monkeypatch.setenv("IMGFORGE_DB", str(path))
    with pytest.raises(InvalidInputError, match=r"damaged\.sqlite"):
        flaws.mended(OLD, NEW)
