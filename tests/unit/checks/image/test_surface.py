from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import madeimage as made
import pytest
from judged import APP, POLICY, findings, found, ids, image

from imgforge.checks import run
from imgforge.checks.finding import Severity
from imgforge.policy import Policy


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


def test_shells_by_content(tmp_path: Path) -> None:
    good = image(tmp_path, [*APP, made.file("opt/tool", b"\x7fELF", 0o755)], [made.file("x")])
    programs = {"opt/tool": "busybox", "gone": "bash"}
    layer = dataclasses.replace(good.layers[0], programs=programs)
    other = dataclasses.replace(good, layers=(layer, good.layers[1]))
    [seen] = run(other, POLICY)
    assert (seen.check, seen.path) == ("IF030", "opt/tool")
    assert seen.message == "/opt/tool is a shell (busybox, by its content)"
    assert run(other, Policy(allow_shell=True, day=POLICY.day)) == []


def test_a_shell_that_only_a_link_makes_executable(tmp_path: Path) -> None:
    shell = made.file("opt/tool", Path("/bin/bash").read_bytes(), 0o644)
    assert findings(tmp_path, [*APP, shell]) == []
    seen = findings(tmp_path / "b", [*APP, shell], [made.hardlink("opt/x", "opt/tool", 0o755)])
    assert {(f.check, f.path) for f in seen} == {("IF030", "opt/tool"), ("IF030", "opt/x")}


@pytest.mark.parametrize(
    ("identity", "check"),
    [
        *((name, "IF030") for name in ("busybox", "toybox", "dash", "zsh", "ksh", "mksh", "fish")),
        *((name, "IF030") for name in ("bash", "pwsh")),
        *((name, "IF031") for name in ("apt", "dpkg", "apk", "rpm", "dnf", "pip")),
        *((name, "IF032") for name in ("gcc", "clang", "tcc", "ld", "as", "go", "rustc", "javac")),
        *((name, "IF033") for name in ("curl", "wget", "netcat")),
        *((name, "IF034") for name in ("sudo", "su", "doas")),
        *((name, "IF035") for name in ("sshd", "dropbear")),
    ],
)
def test_every_identity_belongs_to_one_check(identity: str, check: str, tmp_path: Path) -> None:
    good = image(tmp_path, [*APP, made.file("opt/x", b"\x7fELF", 0o755)])
    layer = dataclasses.replace(good.layers[0], programs={"opt/x": identity})
    assert ids(run(dataclasses.replace(good, layers=(layer,)), POLICY)) == [check]


@pytest.mark.parametrize(
    ("name", "check", "severity", "flag"),
    [
        ("gcc", "IF032", "medium", "allow_compiler"),
        ("x86_64-linux-gnu-gcc-14", "IF032", "medium", "allow_compiler"),
        ("clang++-19", "IF032", "medium", "allow_compiler"),
        ("javac", "IF032", "medium", "allow_compiler"),
        ("gdb", "IF032", "medium", "allow_compiler"),
        ("curl", "IF033", "low", "allow_downloader"),
        ("wget", "IF033", "low", "allow_downloader"),
        ("git", "IF033", "low", "allow_downloader"),
        ("nc.openbsd", "IF033", "medium", "allow_downloader"),
        ("nmap", "IF033", "medium", "allow_downloader"),
        ("sudo", "IF034", "medium", "allow_sudo"),
        ("pkexec", "IF034", "medium", "allow_sudo"),
        ("sshd", "IF035", "medium", "allow_ssh"),
        ("dropbear", "IF035", "medium", "allow_ssh"),
    ],
)
def test_tools_by_name(name: str, check: str, severity: str, flag: str, tmp_path: Path) -> None:
    members = [
        made.file(f"usr/sbin/{name}", b"\x7fELF", 0o755),
        made.symlink("usr/bin/dangling-gcc", "gone"),
        made.file(f"usr/share/doc/{name}", b"", 0o755),
        made.file(f"opt/bin/{name}", b"", 0o644),
    ]
    [seen] = findings(tmp_path, [*APP, *members])
    assert (seen.check, str(seen.severity), seen.path) == (check, severity, f"usr/sbin/{name}")
    kinds: dict[str, Any] = {flag: True}
    allowed = dataclasses.replace(POLICY, **kinds)
    assert findings(tmp_path / "b", [*APP, *members], policy=allowed) == []


def test_names_that_are_no_tools(tmp_path: Path) -> None:
    names = ["gccgo-doc", "ldconfig", "pythonx", "asa", "gopher", "curlew", "suspend", "makeup"]
    members = [made.file(f"usr/bin/{name}", b"\x7fELF", 0o755) for name in names]
    assert findings(tmp_path, [*APP, *members]) == []


def test_headers(tmp_path: Path) -> None:
    members = [made.file("usr/include/stdio.h"), made.file("opt/numpy/include/ndarray.h")]
    [seen] = findings(tmp_path, [*APP, *members])
    assert (seen.check, seen.severity, seen.path) == ("IF032", Severity.LOW, "usr/include/stdio.h")


def test_ways_to_log_in(tmp_path: Path) -> None:
    members = [
        made.file("root/.ssh/authorized_keys", b"ssh-ed25519 AAAA"),
        made.file("etc/ssh/ssh_host_ed25519_key", b"x", 0o600),
        made.file("etc/ssh/ssh_host_ed25519_key.pub"),
        made.file("etc/ssh/sshd_config"),
        made.file("home/a/.ssh/authorized_keys", b""),
        made.file("usr/share/doc/sshd_config"),
    ]
    ports: dict[str, object] = {"22/tcp": {}, "2222/tcp": {}, "20-23/tcp": {}}
    seen = found("IF035", tmp_path, *members, ExposedPorts=ports)
    assert {(f.path, f.key): str(f.severity) for f in seen} == {
        ("root/.ssh/authorized_keys", ""): "high",
        ("etc/ssh/ssh_host_ed25519_key", ""): "high",
        ("etc/ssh/sshd_config", ""): "medium",
        ("", "port:21"): "medium",
        ("", "port:22"): "medium",
        ("", "port:23"): "medium",
    }
    allowed = Policy(allow_ssh=True, day=POLICY.day)
    seen = found("IF035", tmp_path / "b", *members, ExposedPorts=ports, policy=allowed)
    assert {f.severity for f in seen} == {Severity.HIGH}
