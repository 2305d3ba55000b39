from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import madeimage as made
import madesecrets
import pytest
from madesecrets import SAMPLES

from imgforge.analysis import ImageFacts
from imgforge.checks import CHECKS, RULES, Rule, gate_holds, run
from imgforge.checks.finding import Finding, Severity
from imgforge.errors import ImgforgeError
from imgforge.policy import Ignore, Policy

POLICY = Policy(day=dt.date(2026, 6, 1))
ETC = [made.file("etc/passwd", made.PASSWD), made.file("etc/group", made.GROUP)]
APP = [*ETC, made.folder("usr/bin"), made.file("usr/bin/app", b"\x7fELF", 0o755)]
CONFIG: dict[str, Any] = {"User": "1000:1000", "Entrypoint": ["/usr/bin/app"]}


def findings(
    tmp_path: Path, *layers: Sequence[made.Member], policy: Policy = POLICY, **config: object
) -> list[Finding]:
    image = made.facts(tmp_path, *(layers or (APP,)), config={**CONFIG, **config})
    return run(image, policy)


def ids(found: Sequence[Finding]) -> list[str]:
    return [finding.check for finding in found]


def test_a_good_image_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path) == []


def test_ids_are_unique_ordered_and_well_formed() -> None:
    numbers = [rule.id for rule in RULES]
    assert numbers == sorted(set(numbers))
    for rule in RULES:
        assert rule.id[:2] == "IF"
        assert rule.id[2:].isdigit()
        assert rule.title[-1] != "."
        assert rule.remedy[-1] == "."
        assert rule.references


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", ["IF001"]),
        ("0", ["IF001"]),
        ("000", ["IF001"]),
        ("0:1000", ["IF001"]),
        ("+0", ["IF001"]),
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


def test_an_unknown_user_is_worse_than_a_named_one(tmp_path: Path) -> None:
    [named] = findings(tmp_path, User="app")
    [unknown] = findings(tmp_path / "b", User="nobody")
    assert (named.severity, unknown.severity) == (Severity.LOW, Severity.MEDIUM)


def test_root_may_be_allowed(tmp_path: Path) -> None:
    assert findings(tmp_path, policy=Policy(allow_root=True), User="0") == []


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


def test_secrets_in_files_of_every_layer(tmp_path: Path) -> None:
    secret = made.file("app/config.py", f"T = '{SAMPLES['github-token']}'\n".encode())
    [seen] = findings(tmp_path, [*APP, secret])
    assert (seen.check, seen.severity, seen.path) == ("IF020", Severity.CRITICAL, "app/config.py")
    for above in (made.file("app/.wh.config.py"), made.file("app/config.py", b"clean")):
        [hidden] = findings(tmp_path / above[0].name, [*APP, secret], [above])
        assert "still shipped" in hidden.message
        assert hidden.fingerprint != seen.fingerprint
    opaque = findings(tmp_path / "o", [*APP, secret], [made.file("app/.wh..wh..opq")])
    assert ids(opaque) == ["IF020"]


def test_findings_never_hold_the_secret(tmp_path: Path) -> None:
    token = SAMPLES["github-token"]
    seen = findings(
        tmp_path,
        [*APP, made.file("x", token.encode())],
        Env=[f"X={token}"],
        Labels={"a": token},
        Cmd=["--token", token],
    )
    assert ids(seen) == ["IF020", "IF021", "IF022", "IF022"]
    assert token[8:] not in repr(seen)


def test_published_test_keys_are_low(tmp_path: Path) -> None:
    key = madesecrets.pem().encode()
    members = [
        made.file("app/lib/t-1.dist-info/METADATA", b"Name: t\nVersion: 1\n"),
        made.file("app/lib/t/test/test.key", key),
    ]
    [seen] = findings(tmp_path, [*APP, *members])
    assert (seen.check, seen.severity) == ("IF020", Severity.LOW)
    [own] = findings(tmp_path / "b", [*APP, made.file("app/tests/server.key", key)])
    assert own.severity == Severity.CRITICAL
    [source] = findings(tmp_path / "c", [*APP, members[0], made.file("app/lib/t/server.key", key)])
    assert source.severity == Severity.CRITICAL


@pytest.mark.parametrize(
    "item",
    [
        "DB_PASSWORD=hunter22x",
        "API_TOKEN=abc",
        f"ANYTHING={SAMPLES['stripe-key']}",
        "DATABASE_URL=postgres://app:Xk29fjw8s0@db/app",
    ],
)
def test_secrets_in_the_environment(item: str, tmp_path: Path) -> None:
    [seen] = findings(tmp_path, Env=[item])
    assert (seen.check, seen.severity) == ("IF021", Severity.CRITICAL)
    assert item.partition("=")[2] not in seen.message


@pytest.mark.parametrize(
    "item",
    [
        "PASSWORD_FILE=/run/secrets/db",
        "TOKEN_TTL=300",
        "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
        "DB_PASSWORD=",
        "DB_PASSWORD=${DB_PASSWORD}",
        "API_TOKEN=/run/secrets/token",
        "DATABASE_URL=postgres://app@db/app",
        "PYTHON_SHA256=" + "ab12" * 16,
        "PATH=/usr/bin",
    ],
)
def test_environments_without_secrets(item: str, tmp_path: Path) -> None:
    assert findings(tmp_path, Env=["PATH=/usr/bin", item]) == []


def history(tmp_path: Path, *steps: str) -> list[Finding]:
    from imgforge.analysis import analyse
    from imgforge.oci.layout import Layout

    layout = Layout.create(tmp_path / "layout")
    image = made.add(
        layout,
        [made.tar(*APP)],
        config=CONFIG,
        history=[{"created_by": step} for step in steps],
    )
    return run(analyse(layout, image), POLICY)


def test_secrets_in_history(tmp_path: Path) -> None:
    steps = (
        "RUN |1 NPM_TOKEN=abcdef0123 /bin/sh -c npm ci # buildkit",
        f"RUN curl -H 'Authorization: Bearer {SAMPLES['gitlab-token']}' x",
        "ARG SIGNING_KEY=abc123",
    )
    assert ids(history(tmp_path, *steps)) == ["IF022"] * 3


def test_history_without_secrets(tmp_path: Path) -> None:
    steps = (
        "RUN --mount=type=secret,id=npm NPM_TOKEN=$(cat /run/secrets/npm) npm ci",
        "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D PYTHON_VERSION=3.13",
        "COPY file:0b7b1b8e1e5a4c3d2f in /app",
        "RUN |1 TOKEN_FILE=/run/x /bin/sh -c true",
    )
    assert history(tmp_path, *steps) == []


def test_shells(tmp_path: Path) -> None:
    members = [
        made.file("usr/bin/dash", b"\x7fELF", 0o755),
        made.symlink("usr/bin/sh", "dash"),
        made.symlink("usr/bin/bash", "gone"),
        made.file("usr/share/doc/sh", b"", 0o644),
        made.file("usr/bin/zsh", b"", 0o644),
    ]
    seen = findings(tmp_path, [*APP, *members])
    assert [(f.check, f.path) for f in seen] == [("IF030", "usr/bin/dash"), ("IF030", "usr/bin/sh")]
    assert findings(tmp_path, [*APP, *members], policy=Policy(allow_shell=True)) == []
    gone = [made.file("usr/bin/.wh.dash"), made.file("usr/bin/.wh.sh")]
    assert findings(tmp_path / "b", [*APP, *members], gone) == []


def test_package_managers(tmp_path: Path) -> None:
    members = [
        made.file("usr/bin/apt-get", b"", 0o755),
        made.file("opt/venv/bin/pip", b"#!/usr/bin/app\n", 0o755),
        made.file("opt/venv/pip-1.dist-info/METADATA", b"Name: pip\nVersion: 1\n"),
    ]
    assert ids(findings(tmp_path, [*APP, *members])) == ["IF031"] * 3
    allowed = Policy(allow_package_manager=True)
    assert findings(tmp_path, [*APP, *members], policy=allowed) == []


def test_files_not_read_and_broken_records(tmp_path: Path) -> None:
    broken = made.file("opt/a.gz", gzip.compress(b"x" * 100)[:-9])
    record = made.file("x.dist-info/METADATA", b"?")
    found = findings(tmp_path, [*APP, broken, record])
    assert {finding.check: str(finding.severity) for finding in found} == {
        "IF044": "low",
        "IF045": "medium",
    }


SCRIPT = [made.file("usr/bin/run", b"#!/usr/bin/env app\n", 0o755)]


@pytest.mark.parametrize(
    ("entrypoint", "members"),
    [
        (["app"], []),
        (["/bin/app"], [made.symlink("bin", "usr/bin")]),
        (["./app"], []),
        (["/usr/bin/link"], [made.symlink("usr/bin/link", "../../usr/bin/app")]),
        (["/run.py"], [made.file("run.py", b"#!/usr/bin/app -x\n", 0o755)]),
        (["run"], [*SCRIPT, made.file("usr/bin/env", b"\x7fELF", 0o755)]),
        (["/own"], [made.file("own", mode=0o700, uid=1000)]),
        (["/grp"], [made.file("grp", mode=0o750, gid=1000)]),
    ],
)
def test_entrypoints_that_start(
    entrypoint: list[str], members: list[made.Member], tmp_path: Path
) -> None:
    seen = findings(
        tmp_path, [*APP, *members], Entrypoint=entrypoint, WorkingDir="/usr/bin", Env=[]
    )
    assert seen == []


@pytest.mark.parametrize(
    ("entrypoint", "members"),
    [
        ([], []),
        (["/usr/bin/none"], []),
        (["none"], []),
        (["/usr/bin"], []),
        (["/app"], [made.file("app", mode=0o644)]),
        (["/app"], [made.file("app", mode=0o700)]),
        (["/app"], [made.file("app", mode=0o655, uid=1000)]),
        (["/loop"], [made.symlink("loop", "loop")]),
        (["/secret/app"], [made.folder("secret", 0o700), made.file("secret/app", mode=0o755)]),
        (["/run.py"], [made.file("run.py", b"#!/tmp/venv/bin/python\n", 0o755)]),
        (["/run"], [made.file("run", b"#!/run\n", 0o755)]),
        (["run"], SCRIPT),
        (
            ["run"],
            [
                made.file("usr/bin/env", b"\x7fELF", 0o755),
                made.file("usr/bin/run", b"#!/usr/bin/env gone\n", 0o755),
            ],
        ),
    ],
)
def test_entrypoints_that_do_not_start(
    entrypoint: list[str], members: list[made.Member], tmp_path: Path
) -> None:
    [seen] = findings(tmp_path, [*APP, *members], Entrypoint=entrypoint)
    assert (seen.check, seen.severity) == ("IF050", Severity.HIGH)


def test_root_needs_an_execute_bit_but_no_directories(tmp_path: Path) -> None:
    members = [made.folder("secret", 0o700), made.file("secret/app", mode=0o100)]
    seen = findings(tmp_path, [*APP, *members], Entrypoint=["/secret/app"], User="0")
    assert ids(seen) == ["IF001"]


def test_exceptions_excuse_until_they_expire(tmp_path: Path) -> None:
    until = dt.date(2026, 6, 1)
    members = [*APP, made.file("opt/x/su", b"x", 0o4755)]

    def judged(policy: Policy) -> dict[str, Finding]:
        return {f.check: f for f in findings(tmp_path, members, policy=policy)}

    ignore = Ignore("IF010", "opt/*", "known", until, "us")
    excused = Policy(ignore=(ignore,), day=until - dt.timedelta(days=15))
    seen = judged(excused)
    assert [f.ignored for f in seen.values()] == ["known (us, until 2026-06-01)"]
    assert gate_holds(list(seen.values()), excused)
    last = judged(dataclasses.replace(excused, day=until))
    assert {c: str(f.severity) for c, f in last.items()} == {"IF010": "high", "IF091": "info"}
    assert "us answers for it" in last["IF091"].message
    for fail_on, severity in (("low", "high"), ("high", "high"), ("critical", "critical")):
        late = Policy(fail_on, ignore=(ignore,), day=until + dt.timedelta(days=1))  # type: ignore[arg-type]
        found = judged(late)
        assert [(c, f.ignored) for c, f in found.items()].count(("IF010", "")) == 1
        assert str(found["IF090"].severity) == severity
        assert not gate_holds([found["IF090"]], late)
    other = Policy(ignore=(dataclasses.replace(ignore, path="usr/*"),), day=until)
    assert not gate_holds(list(judged(other).values()), other)


@pytest.mark.parametrize(
    ("fail_on", "passes"), [("critical", True), ("high", False), ("medium", False), ("info", False)]
)
def test_the_gate_compares_severities(fail_on: Any, passes: bool) -> None:  # noqa: ANN401, FBT001
    finding = Finding("IF010", Severity.HIGH, "t", "m", "r")
    assert gate_holds([finding], Policy(fail_on=fail_on)) is passes
    assert gate_holds([], Policy(fail_on=fail_on))


class _Broken:
    RULE = Rule("IF999", Severity.LOW, "Broken", "Why.", "None.")

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:
        yield Finding("IF999", Severity.LOW, str(policy), image.digest, "")
        raise KeyError("oops")


def test_a_check_that_fails_is_an_error_that_names_it(tmp_path: Path) -> None:
    image = made.facts(tmp_path, APP, config=CONFIG)
    with pytest.raises(ImgforgeError, match="IF999") as error:
        run(image, POLICY, [*CHECKS, _Broken()])
    assert "oops" in error.value.message


def test_worst_findings_come_first_and_fingerprints_last(tmp_path: Path) -> None:
    members = [*APP, made.file("open", b"", 0o666), made.file("su", b"x", 0o4755)]
    once = findings(tmp_path, members, Env=["DB_PASSWORD=hunter22x"])
    assert [f.severity for f in once] == [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM]
    again = findings(tmp_path / "b", [made.file("new"), *members], Env=["DB_PASSWORD=hunter22x"])
    assert [f.fingerprint for f in once] == [f.fingerprint for f in again]
    assert len({f.fingerprint for f in once}) == 3
    assert Severity.parse("high") is Severity.HIGH
    with pytest.raises(ValueError, match="urgent"):
        Severity.parse("urgent")
