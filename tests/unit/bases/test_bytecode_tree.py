"""The program that compiles a folder, run by this Python as a builder runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from running import EXAMPLES, run

from imgforge import project
from imgforge.bases import bytecode_tree

TAG = f"cpython-{sys.version_info.major}{sys.version_info.minor}"


def compiled(source: Path, out: Path) -> dict[str, bytes]:
    run(sys.executable, bytecode_tree.__file__, source, "/app", out)
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*.pyc")}


def test_sources_are_compiled_alike_and_what_is_no_python_is_left(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "a").mkdir(parents=True)
    (source / "a/one.py").write_text("NAME = 'one'\n")
    (source / "two.py").write_text("def two(): return {'x', 'y', 'z'}\n")
    (source / "template.py").write_text("{{ project }}: no python\n")
    (source / "a/link.py").symlink_to("one.py")
    first, again = compiled(source, tmp_path / "1"), compiled(source, tmp_path / "2")
    assert set(first) == {f"a/__pycache__/one.{TAG}.pyc", f"__pycache__/two.{TAG}.pyc"}
    assert first == again
    assert all(data[4:8] == b"\x01\0\0\0" for data in first.values())  # unchecked hash, PEP 552
    assert b"/app/two.py" in first[f"__pycache__/two.{TAG}.pyc"]


def test_a_console_script_becomes_the_entrypoint(tmp_path: Path) -> None:
    spec = (EXAMPLES / "python-cli/imgforge.toml").read_text(encoding="utf-8")
    script = spec.replace("project = true", 'script = "tally = tally.main:main"')
    script = script.replace('entrypoint = ["/app/bin/tally"]\n', "")
    assert script.count("\n") == spec.count("\n") - 1
    (tmp_path / "imgforge.toml").write_text(script, encoding="utf-8")
    found = project.load(tmp_path).choice.entrypoint
    assert found[:2] == ("/usr/bin/python3", "-c")
    assert found[2] == (
        "import sys; sys.argv[0] = 'tally'; from tally.main import main; sys.exit(main())"
    )
