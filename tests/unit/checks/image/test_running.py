from __future__ import annotations

from pathlib import Path
from typing import Any

import madeimage as made
import pytest
from judged import APP, LABELS, configured, findings, found, ids

from imgforge.checks.finding import Severity

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
    seen = found("IF050", tmp_path, *members, Entrypoint=entrypoint, WorkingDir="/usr/bin", Env=[])
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
    [seen] = found("IF050", tmp_path, *members, Entrypoint=entrypoint)
    assert seen.severity == Severity.HIGH


def test_root_needs_an_execute_bit_but_no_directories(tmp_path: Path) -> None:
    members = [made.folder("secret", 0o700), made.file("secret/app", mode=0o100)]
    seen = findings(tmp_path, [*APP, *members], Entrypoint=["/secret/app"], User="0")
    assert ids(seen) == ["IF001"]


@pytest.mark.parametrize(
    ("check", "config"),
    [
        ({"Test": ["NONE"]}, {}),
        ({"Test": ["CMD"]}, {}),
        ({"Test": ["CMD", "/usr/bin/gone"]}, {}),
        ({"Test": ["CMD-SHELL", "true"]}, {}),
        ({"Test": ["CMD-SHELL", "true"]}, {"Shell": ["/bin/bash", "-c"]}),
        ({"Test": ["/usr/bin/app"]}, {}),
        (None, {"ExposedPorts": {"8080/tcp": {}}}),
        ({"Test": []}, {"ExposedPorts": {"8080/tcp": {}}}),
    ],
)
def test_health_checks_that_do_not_work(check: object, config: dict[str, Any]) -> None:
    [seen] = configured(Healthcheck=check, **config)
    assert (seen.check, seen.severity) == ("IF051", Severity.LOW)


@pytest.mark.parametrize(
    ("command", "works"),
    [
        ("curl -f http://localhost/ || exit 1", False),
        ("exec /usr/bin/gone", False),
        ("gone;true", False),
        ("app --health", True),
        ("  /usr/bin/app|app", True),
        ("test -f /tmp/ready", True),
        ("[ -f /tmp/ready ]", True),
        ("A=1 app", True),
        ("$PROGRAM --health", True),
        ("", True),
    ],
)
def test_what_the_shell_of_a_health_check_starts_must_be_there(
    command: str,
    works: bool,  # noqa: FBT001 - a table
) -> None:
    seen = configured(Healthcheck={"Test": ["CMD-SHELL", command]}, Shell=["/usr/bin/app", "-c"])
    assert (seen == []) is works


def test_health_checks_that_work() -> None:
    ports: dict[str, object] = {"8080/tcp": {}}
    exact = {"Test": ["CMD", "/usr/bin/app", "--health"]}
    shell = {"Test": ["CMD-SHELL", "--health"]}
    assert configured(ExposedPorts=ports, Healthcheck=exact) == []
    assert configured(ExposedPorts=ports, Healthcheck=shell, Shell=["/usr/bin/app"]) == []
    assert configured() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("licenses", "Apache 2"),
        ("licenses", "MIT AND"),
        ("created", "yesterday"),
        ("created", "2026-02-30T00:00:00Z"),
        ("created", "2026-02-03"),
        ("source", "acme/web"),
        ("url", "javascript:alert(1)"),
        ("documentation", "https://"),
        ("source", "http://[::1"),
        ("version", "1.0 beta"),
        ("base.digest", "sha256:abc"),
    ],
)
def test_labels_that_are_wrong(name: str, value: str) -> None:
    [seen] = configured(Labels={**LABELS, f"org.opencontainers.image.{name}": value})
    assert (seen.check, seen.severity, seen.key) == ("IF052", Severity.LOW, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("licenses", "MIT OR (Apache-2.0 WITH LLVM-exception)"),
        ("licenses", "LicenseRef-Acme"),
        ("created", "2026-02-03T04:05:06Z"),
        ("created", "2016-12-31T23:59:60.5+01:00"),
        ("source", "https://git.example/acme/web"),
        ("source", "git@git.example:acme/web.git"),
        ("version", "v1.0.0-rc.1+build5"),
        ("base.digest", "sha256:" + "0a" * 32),
        ("description", "anything at all"),
    ],
)
def test_labels_that_are_right(name: str, value: str) -> None:
    assert configured(Labels={**LABELS, f"org.opencontainers.image.{name}": value}) == []


def test_labels_that_lack() -> None:
    [seen] = configured(Labels=None)
    assert (seen.check, seen.severity, seen.key) == ("IF052", Severity.LOW, "missing")
    first, *rest = LABELS
    [seen] = configured(Labels={first: LABELS[first], **dict.fromkeys(rest[:1], "1")})
    assert (seen.severity, "licenses" in seen.message) == (Severity.INFO, True)


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("/", "high"),
        ("/etc", "high"),
        ("/etc/app", "high"),
        ("/proc/sys", "high"),
        ("/dev/", "high"),
        ("/data/../sys", "high"),
        ("/var/run/docker.sock", "high"),
        ("/run/containerd", "high"),
        ("/root", "medium"),
        ("/usr/lib/x", "medium"),
        ("data", "medium"),
        ("", "medium"),
        ("/link/x", "high"),
    ],
)
def test_volumes_in_sensitive_places(path: str, severity: str, tmp_path: Path) -> None:
    link = made.symlink("link", "/etc")
    [seen] = found("IF053", tmp_path, link, Volumes={path: {}, "/data": {}})
    assert str(seen.severity) == severity


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("/proc/self/fd/8", "high"),
        ("/link", "high"),
        ("/etc", "high"),
        ("app", "medium"),
        ("/root", "medium"),
        ("/usr/bin/app", "medium"),
        ("/gone", "low"),
    ],
)
def test_working_directories(path: str, severity: str, tmp_path: Path) -> None:
    members = [made.symlink("link", "proc/self/fd/8"), made.folder("root", 0o700)]
    [seen] = found("IF053", tmp_path, *members, WorkingDir=path, Entrypoint=["/usr/bin/app"])
    assert str(seen.severity) == severity


def test_places_that_are_fine(tmp_path: Path) -> None:
    members = [made.folder("app"), made.folder("usr/src/app"), made.folder("root", 0o700)]
    for number, name in enumerate(("", "/", "/app", "/app/", "/usr/src/app")):
        assert found("IF053", tmp_path / str(number), *members, WorkingDir=name) == []
    volumes: dict[str, object] = {
        "/data": {},
        "/var/lib/postgresql/data": {},
        "/usr/share/nginx/html": {},
        "/tmp": {},
    }
    assert found("IF053", tmp_path / "v", *members, Volumes=volumes) == []
    [seen] = found("IF053", tmp_path / "r", *members, WorkingDir="/root", User="0")
    assert seen.severity == Severity.LOW


@pytest.mark.parametrize("config", [{"Volumes": ["/etc"]}, {"ExposedPorts": ["80"]}])
def test_lists_where_objects_belong_are_findings(config: dict[str, Any]) -> None:
    assert {"IF053", "IF056"} & set(ids(configured(**config)))


@pytest.mark.parametrize(
    "entry", [".", "", "bin", "/tmp", "/tmp/bin", "/home/app/bin", "/open", "/open/bin"]
)
def test_search_paths_that_are_unsafe(entry: str, tmp_path: Path) -> None:
    members = [
        made.folder("tmp", 0o1777),
        made.folder("home/app", 0o700, uid=1000),
        made.folder("open", 0o775, gid=1000),
        made.folder("open/bin"),
    ]
    [seen] = found("IF054", tmp_path, *members, Env=[f"PATH=/usr/bin:{entry}"])
    assert (seen.severity, seen.key) == (Severity.MEDIUM, entry)


def test_search_paths_that_are_safe(tmp_path: Path) -> None:
    members = [made.folder("tmp", 0o1777), made.folder("tmp/bin"), made.symlink("bin", "usr/bin")]
    value = "PATH=/usr/local/bin:/usr/bin:/bin:/tmp/bin"
    assert found("IF054", tmp_path, *members, Env=[value]) == []
    own = made.folder("usr/bin", 0o755, uid=1000)
    assert found("IF054", tmp_path / "b", own, User="0", Env=[value]) == []
    assert len(found("IF054", tmp_path / "c", own, made.symlink("bin", "usr/bin"))) == 2


@pytest.mark.parametrize(
    ("item", "severity"),
    [
        ("LD_PRELOAD=/usr/lib/libjemalloc.so.2", "medium"),
        ("LD_PRELOAD=/data/x.so", "high"),
        ("LD_PRELOAD=/data/gone.so", "high"),
        ("LD_AUDIT=/usr/lib/audit.so", "high"),
        ("LD_LIBRARY_PATH=/data:/usr/lib", "medium"),
        ("LD_LIBRARY_PATH=/usr/lib:", "medium"),
        ("LD_LIBRARY_PATH=lib", "medium"),
        ("PYTHONPATH=.", "medium"),
        ("PYTHONPATH=/data/site", "medium"),
        ("NODE_OPTIONS=--inspect=0.0.0.0:9229", "high"),
        ("NODE_OPTIONS=--max-old-space-size=512 --require /data/hook.js", "high"),
        ("JAVA_TOOL_OPTIONS=-agentlib:jdwp=transport=dt_socket,server=y,address=*:5005", "high"),
        ("JAVA_OPTS=-Dcom.sun.management.jmxremote.authenticate=false", "high"),
        ("NODE_TLS_REJECT_UNAUTHORIZED=0", "high"),
        ("PYTHONHTTPSVERIFY=0", "high"),
        ("GIT_SSL_NO_VERIFY=true", "high"),
        ("npm_config_strict_ssl=false", "high"),
        ("PIP_TRUSTED_HOST=pypi.acme.example", "high"),
        ("GOSUMDB=off", "high"),
        ("BASH_ENV=/etc/profile", "medium"),
        ("ENV=/root/.shrc", "medium"),
        ("PERL5OPT=-MDevel::Trace", "medium"),
        ("RUBYOPT=-rdebug", "medium"),
        ("FLASK_DEBUG=1", "high"),
    ],
)
def test_settings_that_load_or_disarm(item: str, severity: str, tmp_path: Path) -> None:
    members = [
        made.file("usr/lib/libjemalloc.so.2", b"\x7fELF"),
        made.folder("data", 0o700, uid=1000),
        made.file("data/x.so", b"\x7fELF", uid=1000),
    ]
    [seen] = found("IF055", tmp_path, *members, Env=["PATH=/usr/bin", item])
    assert str(seen.severity) == severity


@pytest.mark.parametrize(
    "item",
    [
        "LD_PRELOAD=",
        "LD_LIBRARY_PATH=/usr/lib:/usr/local/lib",
        "LD_LIBRARY_PATH=",
        "PYTHONPATH=/opt/deps",
        "NODE_OPTIONS=--max-old-space-size=512 --enable-source-maps",
        "NODE_OPTIONS=--require /opt/otel.js",
        "NODE_TLS_REJECT_UNAUTHORIZED=1",
        "PYTHONHTTPSVERIFY=1",
        "NPM_CONFIG_STRICT_SSL=true",
        "JAVA_TOOL_OPTIONS=-XX:MaxRAMPercentage=75 -javaagent:/opt/otel.jar",
        "ENV=production",
        "GOSUMDB=sum.golang.org",
        "FLASK_DEBUG=0",
        "RUBYOPT=--yjit",
        "PYTHONUNBUFFERED=1",
        "GIT_SSL_NO_VERIFY=",
    ],
)
def test_settings_that_are_fine(item: str) -> None:
    assert configured(Env=["PATH=/usr/bin", item]) == []


def test_a_library_for_every_program(tmp_path: Path) -> None:
    preload = made.file("etc/ld.so.preload", b"/usr/lib/libhide.so\n")
    [seen] = findings(tmp_path, [*APP, preload])
    assert (seen.check, seen.severity, seen.path) == ("IF055", Severity.HIGH, "etc/ld.so.preload")
    assert findings(tmp_path / "b", [*APP, made.file("etc/ld.so.preload", b"\n")]) == []


@pytest.mark.parametrize(
    "port", ["0", "65536", "80000", "http", "8080/http", "90-80", "", "80", "443/udp", "1000-2000"]
)
def test_ports_that_cannot_be_used(port: str) -> None:
    health = {"Test": ["CMD", "/usr/bin/app"]}
    [seen] = configured(ExposedPorts={port: {}, "8443/tcp": {}}, Healthcheck=health)
    assert (seen.check, seen.severity, seen.key) == ("IF056", Severity.LOW, port)


def test_ports_that_can() -> None:
    health = {"Test": ["CMD", "/usr/bin/app"]}
    ports: dict[str, object] = {
        key: {} for key in ("1024", "8080/tcp", "53000/udp", "8000-8010/sctp")
    }
    assert configured(ExposedPorts=ports, Healthcheck=health) == []
    assert ids(configured(ExposedPorts={"80/tcp": {}}, Healthcheck=health, User="0")) == ["IF001"]
