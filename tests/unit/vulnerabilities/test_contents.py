"""What a scan reads of what is named."""

from __future__ import annotations

from pathlib import Path

import madeimage as made
import pytest

from imgforge import bases
from imgforge.inventory import standing
from imgforge.oci.layout import Layout
from imgforge.policy import Policy
from imgforge.verify.flags import Flags
from imgforge.vulnerabilities import contents


def dpkg(name: bytes, path: str) -> bytes:
    record = b"Package: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n" % name
    return made.tar(made.file("etc/os-release", b"ID=debian\n"), made.file(path, record))


def test_layers_on_a_base_that_is_at_hand_say_whose_part_each_package_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = dpkg(b"libc6", "var/lib/dpkg/status.d/libc6")
    above = dpkg(b"libz", "var/lib/dpkg/status.d/libz")
    base = Layout.create(tmp_path / "base")
    made_here = made.add(base, [below])
    base.write_index([made_here])
    layout = Layout.create(tmp_path / "lay")
    labels = {standing.LABEL: made_here.digest}
    layout.write_index([made.add(layout, [below, above], config={"Labels": labels})])
    reading = contents.Reading(Policy(), Flags())

    def parts() -> dict[str, str]:
        (found,) = contents.read(str(layout.path), reading, lambda _: None).inventories
        return {component.package.name: component.part for component in found.components}

    assert parts() == {"libc6": "", "libz": ""}
    monkeypatch.setattr(bases, "held", {made_here.digest: base.path}.get)
    assert parts() == {"libc6": "base", "libz": "app"}
