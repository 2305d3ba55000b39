from __future__ import annotations

from imgforge.inventory.declared import Declared, Install, Target
from imgforge.inventory.tools import tools
from imgforge.locks.locked import Entry, Locked
from imgforge.oci.types import Platform


def test_a_lock_that_is_installed_into_several_places_is_told_once() -> None:
    entry = Entry("maven", "checks", "1.4.0", 1, "com.example", scope="build")
    locked = Locked("maven.sha256", (entry,))
    places = tuple(Install(place, locked) for place in ("app/lib", "app/snapshots"))
    declared = Declared(Target(Platform("linux", "amd64")), installs=places)
    (found,) = tools(declared, None)
    assert found.package.name == "checks"
    assert found.declared == "maven.sha256:1"
