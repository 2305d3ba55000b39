from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from imgforge import context
from imgforge.errors import InvalidInputError
from imgforge.plan import DEFAULT_EXCLUDE


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def paths(root: Path, source: str, *exclude: str) -> list[str]:
    return [item.path for item in context.walk(root, source, exclude)]


def test_everything_under_a_source_is_found_in_order(tmp_path: Path) -> None:
    tree(tmp_path, "web/b.py", "web/a/z.py", "web/a-b", "other")
    assert paths(tmp_path, "web") == ["web/a", "web/a/z.py", "web/a-b", "web/b.py"]
    assert paths(tmp_path, "other") == ["other"]


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("**/__pycache__", {"web/__pycache__", "web/__pycache__/x.pyc"}),
        ("**/*.pyc", {"web/__pycache__/x.pyc"}),
        ("web/*.py", {"web/a.py"}),
        ("*.py", set()),
        ("web/?.py", {"web/a.py"}),
        ("web/sub", {"web/sub", "web/sub/a.py"}),
        ("**/a.py", {"web/a.py", "web/sub/a.py"}),
        ("web/**/a.py", {"web/a.py", "web/sub/a.py"}),
    ],
)
def test_patterns_mean_what_they_mean_in_a_dockerignore(
    tmp_path: Path, pattern: str, gone: set[str]
) -> None:
    tree(tmp_path, "web/a.py", "web/sub/a.py", "web/__pycache__/x.pyc")
    everything = set(paths(tmp_path, "web"))
    assert everything - set(paths(tmp_path, "web", pattern)) == gone


def test_the_defaults_leave_out_local_secrets_and_caches(tmp_path: Path) -> None:
    tree(tmp_path, "w/.env", "w/.env.local", "w/.git/config", "w/a.py", "w/__pycache__/a.pyc")
    assert paths(tmp_path, "w", *DEFAULT_EXCLUDE) == ["w/a.py"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "../../x", "sub/../../outside"])
def test_a_link_that_leaves_its_source_is_refused(tmp_path: Path, target: str) -> None:
    tree(tmp_path, "web/a", "outside")
    (tmp_path / "web/link").symlink_to(target)
    with pytest.raises(InvalidInputError, match="web/link is a symbolic link that leaves web"):
        paths(tmp_path, "web")


def test_a_link_inside_is_kept_as_a_link(tmp_path: Path) -> None:
    tree(tmp_path, "web/a")
    (tmp_path / "web/link").symlink_to("a")
    assert [i.link for i in context.walk(tmp_path, "web", ()) if i.kind == "link"] == ["a"]


def test_a_source_behind_a_link_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "real/a")
    (tmp_path / "alias").symlink_to("real")
    for source in ("alias", "alias/a"):
        with pytest.raises(InvalidInputError, match="alias is a symbolic link"):
            paths(tmp_path, source)


def test_special_files_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, "web/a")
    os.mkfifo(tmp_path / "web/pipe")
    with pytest.raises(InvalidInputError, match="web/pipe is a device, socket or pipe"):
        paths(tmp_path, "web")
    (tmp_path / "web/pipe").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)
        server.bind("web/sock")
        with pytest.raises(InvalidInputError, match="web/sock"):
            paths(tmp_path, "web")


def test_a_missing_or_excluded_source_is_an_error(tmp_path: Path) -> None:
    tree(tmp_path, "web/a")
    with pytest.raises(InvalidInputError, match="nope does not exist"):
        paths(tmp_path, "nope")
    with pytest.raises(InvalidInputError, match="web is excluded"):
        paths(tmp_path, "web", "web")


def test_the_fingerprint_follows_content_and_names_but_not_modes_or_times(tmp_path: Path) -> None:
    tree(tmp_path, "web/a", "web/b")
    first = context.fingerprint(tmp_path, ["web"], ())
    (tmp_path / "web/a").chmod(0o600)
    os.utime(tmp_path / "web/a", (1, 1))
    assert context.fingerprint(tmp_path, ["web"], ()) == first
    (tmp_path / "web/a").write_text("other")
    changed = context.fingerprint(tmp_path, ["web"], ())
    assert changed != first
    (tmp_path / "web/a").rename(tmp_path / "web/c")
    assert context.fingerprint(tmp_path, ["web"], ()) not in {first, changed}


def test_the_ignore_file_lets_only_inputs_through() -> None:
    assert context.ignore_file(["web", "r.txt"], ["**/x"]) == "*\n!web\n!r.txt\n**/x\n"
    assert context.ignore_file(["."], ["**/x"]) == "**/x\n"
