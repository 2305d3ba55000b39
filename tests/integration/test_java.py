"""The stack java where an example alone does not show it: a lock that does not fit, layers."""

from __future__ import annotations

from pathlib import Path

from running import copy_example, imgforge, run

from imgforge.oci.layout import Layout
from imgforge.output import DEFAULT


def layers(folder: Path) -> list[str]:
    """Build the project; return the digests of its image's layers."""
    imgforge("build", "--engine", "buildkit", cwd=folder)
    layout = Layout.open(folder / DEFAULT / "image")
    (image,) = layout.images(layout.index()[0])
    return [layer["digest"] for layer in layout.read_json(image)["layers"]]


def test_a_library_that_differs_from_the_lock_ends_the_build(tmp_path: Path) -> None:
    folder = copy_example("java-maven", tmp_path / "app")
    lock = folder / "maven.sha256"
    lines = lock.read_text(encoding="utf-8").splitlines()
    wrong = [("0" * 64 + line[64:]) if "/gson-2.10.1.jar" in line else line for line in lines]
    assert wrong != lines
    lock.write_text("\n".join(wrong) + "\n", encoding="utf-8")
    said = imgforge("build", "--engine", "buildkit", cwd=folder, code=4)
    assert "make maven.sha256 anew" in said.stderr
    assert not (folder / DEFAULT / "image").exists()


def test_a_change_of_the_application_leaves_its_libraries_layer(tmp_path: Path) -> None:
    folder = copy_example("java-boot", tmp_path / "app")
    run("./build.sh", cwd=folder)
    spec = folder / "imgforge.toml"
    plain = spec.read_text(encoding="utf-8").replace("class-data = true\n", "")
    spec.write_text(plain, encoding="utf-8")
    first = layers(folder)
    source = folder / "app/status/Status.java"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace('"up"', '"well"'), encoding="utf-8")
    run("./build.sh", cwd=folder)
    second = layers(folder)
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]
