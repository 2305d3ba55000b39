from __future__ import annotations

from pathlib import Path

import madeimage as made
import pytest
from judged import APP, findings, found, ids


def test_setuid_in_the_final_image_and_below(tmp_path: Path) -> None:
    low = [*APP, made.file("usr/bin/su", b"x", 0o4755), made.file("usr/bin/wall", b"x", 0o2755)]
    seen = findings(tmp_path, low, [made.file("usr/bin/.wh.su"), made.folder("srv", 0o2775)])
    assert [(f.check, f.path) for f in seen] == [("IF010", "usr/bin/su"), ("IF010", "usr/bin/wall")]
    assert "hidden" in seen[0].message
    assert "hidden" not in seen[1].message


def test_setuid_bits_taken_away_above_are_still_shipped(tmp_path: Path) -> None:
    seen = findings(
        tmp_path, [*APP, made.file("usr/bin/su", b"x", 0o4755)], [made.file("usr/bin/su")]
    )
    assert ids(seen) == ["IF010"]


def test_setuid_through_hard_links(tmp_path: Path) -> None:
    members = [
        made.file("usr/bin/a", b"x", 0o4755),
        made.hardlink("usr/bin/b", "usr/bin/a", 0o4755),
    ]
    assert [f.path for f in findings(tmp_path, [*APP, *members])] == ["usr/bin/a", "usr/bin/b"]
    plain = [made.file("usr/bin/a", b"x", 0o755), made.hardlink("usr/bin/b", "usr/bin/a", 0o4755)]
    seen = findings(tmp_path / "b", [*APP, *plain])
    assert {f.path for f in seen} == {"usr/bin/a", "usr/bin/b"}


def test_file_capabilities(tmp_path: Path) -> None:
    value = bytes.fromhex("010000020004000000000000").decode()
    ping = made.file(
        "usr/bin/ping", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": value}
    )
    assert ids(findings(tmp_path, [*APP, ping])) == ["IF011"]
    [hidden] = findings(tmp_path / "b", [*APP, ping], [made.file("usr/bin/.wh.ping")])
    assert "hidden" in hidden.message


def test_world_writable(tmp_path: Path) -> None:
    members = [
        made.folder("tmp", 0o1777),
        made.folder("open", 0o777),
        made.file("loose", b"x", 0o666),
        made.symlink("link", "loose"),
    ]
    seen = findings(tmp_path, [*APP, *members])
    assert [(f.check, f.path) for f in seen] == [("IF012", "loose"), ("IF012", "open")]
    closed = [made.file(".wh.open"), made.file("loose")]
    assert findings(tmp_path / "b", [*APP, *members], closed) == []


def test_setuid_in_several_layers_is_said_of_each(tmp_path: Path) -> None:
    su = made.file("usr/bin/su", b"x", 0o4755)
    link = made.hardlink("usr/bin/su2", "usr/bin/su", 0o4755)
    seen = findings(tmp_path, [*APP, su], [made.file("usr/bin/su", b"y", 0o4755)], [link])
    seen = [f for f in seen if f.check == "IF010"]
    assert [f.path for f in seen] == ["usr/bin/su", "usr/bin/su", "usr/bin/su2"]
    assert [f.message for f in seen if "layer 1 of 3" in f.message] == [
        "/usr/bin/su has mode 4755 (hidden now, but still shipped in layer 1 of 3)"
    ]


def test_setuid_below_a_link_to_a_directory_is_one_finding(tmp_path: Path) -> None:
    members = [made.symlink("bin", "usr/bin"), made.file("bin/su", b"x", 0o4755)]
    [seen] = found("IF010", tmp_path, *members)
    assert (seen.path, "hidden" in seen.message) == ("usr/bin/su", False)


def test_capabilities_of_every_name(tmp_path: Path) -> None:
    value = bytes.fromhex("010000020004000000000000").decode()
    xattr = {"SCHILY.xattr.security.capability": value}
    members = [
        made.symlink("sbin", "usr/bin"),
        made.file("sbin/ping", mode=0o755, pax_headers=xattr),
        made.hardlink("usr/bin/ping4", "usr/bin/ping", 0o755),
    ]
    seen = findings(tmp_path, [*APP, *members])
    assert [(f.check, f.path) for f in seen] == [("IF011", f"usr/bin/ping{x}") for x in ("", "4")]
    assert not any("hidden" in f.message for f in seen)


def test_what_is_started_must_not_be_the_users(tmp_path: Path) -> None:
    run = made.file("usr/bin/run", b"#!/usr/bin/app\n", 0o755)
    own = made.file("srv/main.py", b"x", 0o644, uid=1000)
    seen, _ = found("IF014", tmp_path, run, own, Entrypoint=["run", "main.py"], WorkingDir="/srv")
    assert seen.message.startswith("/srv/main.py is what the image starts")


@pytest.mark.parametrize(
    ("members", "path", "severity"),
    [
        ([made.file("usr/bin/app", b"\x7fELF", 0o755, uid=1000)], "usr/bin/app", "medium"),
        ([made.file("usr/bin/app", b"\x7fELF", 0o775, gid=1000)], "usr/bin/app", "medium"),
        ([made.folder("usr", 0o755, uid=1000)], "usr/bin/app", "medium"),
        ([made.folder("usr/local/lib", 0o777)], "usr/local/lib", "medium"),
        ([made.file("opt/a/x.py", uid=1000), made.file("opt/a/b/y.js", uid=1000)], "opt/a", "low"),
        ([made.file("opt/x.so.1", mode=0o646)], "opt", "low"),
    ],
)
def test_code_that_may_be_changed(
    members: list[made.Member], path: str, severity: str, tmp_path: Path
) -> None:
    seen = found("IF014", tmp_path, *members)
    assert (path, severity) in [(f.path, str(f.severity)) for f in seen]


def test_code_lines_are_one_for_each_directory(tmp_path: Path) -> None:
    names = ["opt/a/1.py", "opt/a-b/2.py", "opt/a/c/3.py", "opt/a/c/4.py", "srv/5.py"]
    seen = found("IF014", tmp_path, *(made.file(name, uid=1000) for name in names))
    assert [f.path for f in seen] == ["opt/a", "opt/a-b", "srv"]
    assert "/opt/a/1.py and 2 more programs or libraries in /opt/a" in seen[0].message


def test_code_of_root_and_data_of_the_user_are_fine(tmp_path: Path) -> None:
    members = [
        made.folder("data", 0o700, uid=1000),
        made.file("data/state.db", uid=1000),
        made.file("opt/app.py", mode=0o755),
        made.folder("tmp", 0o1777),
        made.symlink("opt/link.py", "app.py"),
    ]
    assert found("IF014", tmp_path, *members) == []
    assert found("IF014", tmp_path / "b", *members, User="0") == []
