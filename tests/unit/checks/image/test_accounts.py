from __future__ import annotations

from pathlib import Path

import madeimage as made
import pytest
from judged import APP, findings, found, ids, of

from imgforge.checks.finding import Severity
from imgforge.policy import Policy


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", ["IF001"]),
        ("0", ["IF001"]),
        ("000", ["IF001"]),
        ("0:1000", ["IF001"]),
        ("+0", ["IF001"]),
        ("0" * 30, ["IF001"]),
        ("4294967296", ["IF001", "IF003"]),
        ("-4294967296", ["IF001", "IF003"]),
        ("2147483648", ["IF001", "IF003"]),
        ("root", ["IF001", "IF002"]),
        ("app", ["IF002"]),
        ("app:extra", ["IF002", "IF002"]),
        ("nobody", ["IF002"]),
        ("1000:nobody", ["IF002"]),
        ("1000", []),
        ("1000:7", []),
        ("1001", ["IF003"]),
        ("1000:0", ["IF003"]),
        ("app:root", ["IF002", "IF002", "IF003"]),
    ],
)
def test_users(user: str, expected: list[str], tmp_path: Path) -> None:
    assert sorted(ids(findings(tmp_path, User=user))) == expected


def test_a_name_that_passwd_maps_to_root(tmp_path: Path) -> None:
    passwd = made.file("etc/passwd", b"admin:x:0:0::/:/bin/false\n")
    assert "IF001" in ids(findings(tmp_path, [*APP, passwd], User="admin"))
    later = [made.file("etc/passwd", b"app:x:0:0::/:\n")]
    assert "IF001" in ids(findings(tmp_path / "b", APP, later, User="app"))


@pytest.mark.parametrize(
    "line", ["app", "app:x:none:7::/:", "  app:x:0:0::/:", "x:x:5:5:\u2028app:x:9:9::/:\napp:x:0:0"]
)
def test_lines_that_runtimes_read_otherwise(line: str, tmp_path: Path) -> None:
    later = [made.file("etc/passwd", f"{line}\n".encode())]
    assert "IF001" in ids(findings(tmp_path, APP, later, User="app"))


@pytest.mark.parametrize("path", ["passwd", "group", "shadow", "ld.so.preload"])
def test_accounts_that_lie_where_nobody_reads_them(path: str, tmp_path: Path) -> None:
    evil = made.file("opt/evil", b"app:x:0:0::/:\n")
    for i, member in enumerate(
        (
            made.symlink(f"etc/{path}", "../opt/evil"),
            made.hardlink(f"etc/{path}", "opt/evil"),
            made.file(f"etc/{path}", b"app:x:0:0::/:\n".ljust(2 << 20, b"#")),
        )
    ):
        seen = findings(tmp_path / str(i), [*APP, evil, member], User="app")
        assert [f.path for f in of("IF044", seen)] == [f"etc/{path}"]


def test_an_unknown_user_is_worse_than_a_named_one(tmp_path: Path) -> None:
    [named] = findings(tmp_path, User="app")
    [unknown] = findings(tmp_path / "b", User="nobody")
    assert (named.severity, unknown.severity) == (Severity.LOW, Severity.MEDIUM)


def test_root_may_be_allowed(tmp_path: Path) -> None:
    assert findings(tmp_path, policy=Policy(allow_root=True), User="0") == []


def passwd(*lines: str) -> made.Member:
    return made.file("etc/passwd", made.PASSWD + "".join(f"{x}\n" for x in lines).encode())


def group(*lines: str) -> made.Member:
    return made.file("etc/group", made.GROUP + "".join(f"{x}\n" for x in lines).encode())


@pytest.mark.parametrize("uid", ["0", "00", "+0", "-0"])
def test_a_second_root(uid: str, tmp_path: Path) -> None:
    [seen] = found("IF004", tmp_path, passwd(f"toor:x:{uid}:0::/:/bin/sh"))
    assert (seen.severity, seen.key) == (Severity.HIGH, "toor")


def test_accounts_that_share_numbers_or_names(tmp_path: Path) -> None:
    members = (passwd("app2:x:1000:7::/:", "app:x:1001:7::/:"), group("more:x:7:", "wheel:x:0:"))
    seen = found("IF005", tmp_path, *members)
    assert {f.key for f in seen} == {"1000:app2", "name:app", "7:more", "0:wheel"}
    assert {f.severity for f in seen} == {Severity.MEDIUM}


def test_usual_accounts_are_fine(tmp_path: Path) -> None:
    debian = passwd(
        "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
        "sync:x:4:65534:sync:/bin:/bin/sync",
        "games:x:5:60:games:/usr/games:/usr/sbin/nologin",
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
        "a broken line",
        "# halt:x:0:0",
        "",
    )
    alpine = made.file("etc/group", b"root:x:0:root\nbin:x:1:root,bin\nnogroup:x:65533:\n")
    shadow = made.file("etc/shadow", b"root:*:1::::::\nbin:!::0:::::\napp:!!:1::::::\n", 0o640)
    assert ids(findings(tmp_path, [*APP, debian, alpine, shadow])) == []


@pytest.mark.parametrize(
    ("path", "line", "key"),
    [
        ("etc/shadow", "root::19000:0:99999:7:::", "empty:root"),
        ("etc/passwd", "guest::1001:1001::/:/bin/sh", "empty:guest"),
        ("etc/shadow", "root:$6$salt$" + "x" * 60 + ":19000::::::", "hash:root"),
        ("etc/shadow", "root:!$y$j9T$salt$" + "x" * 43 + ":19000::::::", "hash:root"),
        ("etc/passwd", "old:HASH:1002:1002::/:/bin/sh", "hash:old"),
    ],
)
def test_passwords(path: str, line: str, key: str, tmp_path: Path) -> None:
    lines = (made.PASSWD.decode() if path == "etc/passwd" else "") + line + "\n"
    [seen] = found("IF006", tmp_path, made.file(path, lines.encode(), 0o600))
    assert (seen.severity, seen.key) == (Severity.HIGH, key)
    assert "$" not in seen.message


def test_password_hashes_in_lower_layers(tmp_path: Path) -> None:
    low = made.file("etc/shadow", b"root:$6$salt$xyzxyz:19000::::::\nbin::1::::::\n", 0o600)
    high = made.file("etc/shadow", b"root:*:19000::::::\n", 0o600)
    [seen] = of("IF006", findings(tmp_path, [*APP, low], [high]))
    assert "still shipped in layer 1 of 2" in seen.message


@pytest.mark.parametrize(
    "member",
    [
        made.file("etc/passwd", made.PASSWD, 0o664, gid=1000),
        made.file("etc/passwd", made.PASSWD, 0o666),
        made.file("etc/passwd", made.PASSWD, 0o644, uid=1000),
        made.file("etc/group", made.GROUP, 0o644, uid=7),
        made.file("etc/sudoers", b"x", 0o460, gid=7),
        made.file("etc/sudoers.d/app", b"x", 0o646),
        made.folder("etc/sudoers.d", 0o777),
        made.folder("etc", 0o777),
        made.folder("etc/pam.d", 0o775, gid=1000),
    ],
)
def test_account_files_that_can_be_changed(member: made.Member, tmp_path: Path) -> None:
    seen = found("IF013", tmp_path, member)
    assert seen
    assert {f.severity for f in seen} == {Severity.HIGH}


def test_group_zero_counts_if_the_user_is_in_it(tmp_path: Path) -> None:
    member = made.file("etc/passwd", made.PASSWD, 0o664)
    assert found("IF013", tmp_path, member) == []
    [seen] = found("IF013", tmp_path / "b", member, User="1000:0")
    assert seen.path == "etc/passwd"


def test_account_files_as_they_should_be(tmp_path: Path) -> None:
    members = [
        made.folder("etc"),
        made.file("etc/shadow", b"root:*:1::::::\n", 0o640, gid=42),
        made.file("etc/sudoers", b"x", 0o440),
        made.folder("etc/pam.d"),
        made.file("etc/pam.d/login"),
    ]
    assert found("IF013", tmp_path, *members) == []
    [seen] = found("IF013", tmp_path / "b", made.file("etc/shadow", b"root:*:1::::::\n"))
    assert seen.severity == Severity.MEDIUM
    linked = [made.symlink("etc/shadow", "../data/shadow"), made.file("data/shadow", b"", 0o666)]
    [seen] = found("IF013", tmp_path / "c", *linked)
    assert (seen.severity, seen.path) == (Severity.HIGH, "etc/shadow")
