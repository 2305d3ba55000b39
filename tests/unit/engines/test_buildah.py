"""buildah's Dockerfiles, archives and platforms, as far as no buildah is needed to see them."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import resource
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import project as projects
from imgforge.engines import buildah, containers, stagefile
from imgforge.engines.copies import Part
from imgforge.engines.protocol import BuildRequest
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.layer import Entry
from imgforge.oci.types import Platform
from imgforge.plan import Base, BuildPlan, Copy, Stage

BASE, EARLIER = "b" * 64, "e" * 64


def stage(instructions: str, **changes: object) -> Stage:
    base = Base("python-3.13-dev", "imgforge/python-3.13-dev", "sha256:" + "0" * 64)
    whole = Stage("build", base, instructions, "/out", (), None, "", crosses=False)
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def test_images_are_named_by_identity_and_the_network_flag_goes(tmp_path: Path) -> None:
    body = (
        'COPY ["--network=none", "/x"]\nRUN \\\n    --mount=type=cache,target=/c \\\n'
        "    --network=none \\\n    echo --network=none\n"
    )
    text = stagefile.dockerfile(stage(body), BASE, {"deps": EARLIER}, tmp_path)
    assert text.startswith(f"FROM {EARLIER} AS deps\nFROM {BASE} AS build\nARG TARGETARCH\n")
    assert 'COPY ["--network=none", "/x"]' in text
    assert "echo --network=none" in text
    assert text.count("--network=none") == 2
    assert "LABEL" not in text


def test_no_cache_lies_in_another_and_buildah_locks_none(tmp_path: Path) -> None:
    flags = ("target=/q", "target=/q/link", "id=q/link,target=/c,sharing=locked")
    body = "".join(
        f"RUN \\\n# --mount=type=cache,target=/x\n --mount=type=cache,{flag} echo --mount=a,id=b\n"
        for flag in flags
    )
    text = stagefile.dockerfile(stage(body), BASE, {}, tmp_path)
    names = re.findall(r"type=cache,target=/[a-z/]+,id=([0-9a-f]{32}) echo --mount=a,id=b", text)
    assert len(set(names)) == 3
    assert "sharing" not in text
    assert "#" not in text
    assert stagefile.locked(stage(body)) == [names[2]]


def test_a_step_is_done_again_when_what_is_bound_changes(tmp_path: Path) -> None:
    body = "RUN --mount=type=bind,source=lock,target=/lock --network=none cat /lock\n"
    (tmp_path / "lock").write_text("one")
    first = stagefile.dockerfile(stage(body), BASE, {}, tmp_path)
    again = stagefile.dockerfile(stage(body), BASE, {}, tmp_path)
    (tmp_path / "lock").write_text("two")
    other = stagefile.dockerfile(stage(body), BASE, {}, tmp_path)
    assert first == again
    assert first != other
    assert first.index("LABEL") < first.index("RUN")


def test_a_bound_stage_and_a_bound_folder_count_too(tmp_path: Path) -> None:
    body = "RUN --mount=type=bind,from=deps,source=/out,target=/d --network=none ls /d\n"
    texts = {stagefile.dockerfile(stage(body), BASE, {"deps": c * 64}, tmp_path) for c in "12"}
    labels = {line for text in texts for line in text.splitlines() if line.startswith("LABEL")}
    assert len(labels) == 2
    body = "RUN --mount=type=bind,target=/all --network=none ls /all\n"
    before = stagefile.dockerfile(stage(body), BASE, {}, tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/link").symlink_to("x")
    assert stagefile.dockerfile(stage(body), BASE, {}, tmp_path) != before


def test_a_copied_context_is_what_the_plan_names_and_nothing_else(
    make_project: Callable[..., projects.Project], tmp_path: Path
) -> None:
    project = make_project()
    plan = project.plan()
    (project.root / "web").mkdir(exist_ok=True)
    tool = project.root / "web/tool"
    tool.write_text("x")
    tool.chmod(0o555)
    os.utime(tool, (1_000_000_000, 1_000_000_000))
    (project.root / "web/.env").write_text("NOT=shipped")
    (project.root / "requirements.txt").write_text("")
    (project.root / "beside").write_text("not named")
    request = BuildRequest(plan, "", project.root, {}, {}, tmp_path, no_cache=False, say=print)
    stagefile.copy_context(request, tmp_path / "copy")
    copied = tmp_path / "copy/web/tool"
    assert (copied.stat().st_mode & 0o777, copied.stat().st_mtime) == (0o755, 1_000_000_000)
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == ["requirements.txt", "web"]
    assert not (tmp_path / "copy/web/.env").exists()


Archive = Callable[..., tarfile.TarFile]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    def make(*members: tuple[str, bytes, str]) -> tarfile.TarFile:
        path = tmp_path / "out.tar"
        with tarfile.open(path, "w") as tar:
            for name, kind, more in members:
                info = tarfile.TarInfo(name)
                info.type, info.mode, info.uid = kind, 0o4755, 1000
                content = more.encode() if kind == tarfile.REGTYPE else b""
                info.size = len(content)
                info.linkname = more if kind in {tarfile.LNKTYPE, tarfile.SYMTYPE} else ""
                tar.addfile(info, io.BytesIO(content))
        return tarfile.open(path)

    return make


def part(source: str = "/out/") -> Part:
    copy = Copy("build", source, "/opt/app/", "0:0", "0555")
    return Part(stage(""), copy, Platform.parse("linux/amd64"), "opt/app", ())


def shown(entries: list[Entry]) -> list[tuple[str, str]]:
    out = []
    for e in entries:
        content = b"".join(e.pieces).decode() if e.pieces is not None else ""
        out.append((e.path, e.link or e.same or content or "folder"))
    return out


def test_an_output_is_sorted_and_of_root_alone(archive: Archive) -> None:
    with archive(
        ("d", tarfile.DIRTYPE, ""),
        ("d/z", tarfile.REGTYPE, "text"),
        ("d-e", tarfile.SYMTYPE, "d/z"),
        ("d/a", tarfile.LNKTYPE, "d/z"),
    ) as tar:
        entries = list(buildah._entries(tar, part()))
        assert shown(entries) == [
            ("opt/app/d", "folder"),
            ("opt/app/d/a", "text"),
            ("opt/app/d/z", "opt/app/d/a"),
            ("opt/app/d-e", "d/z"),
        ]
        assert {(e.mode, e.uid, e.gid) for e in entries if not e.link} == {(0o555, 0, 0)}


def test_a_part_of_an_output_goes_alone_and_must_be_there(archive: Archive) -> None:
    members = (("lib", tarfile.DIRTYPE, ""), ("lib/x", tarfile.REGTYPE, "x"))
    with archive(*members, ("app", tarfile.DIRTYPE, "")) as tar:
        assert shown(list(buildah._entries(tar, part("/out/lib/")))) == [("opt/app/x", "x")]
        with pytest.raises(BuildFailedError, match="left no /out/none/"):
            list(buildah._entries(tar, part("/out/none/")))


def test_devices_in_an_output_are_refused(archive: Archive) -> None:
    with (
        archive(("null", tarfile.CHRTYPE, "")) as tar,
        pytest.raises(BuildFailedError, match="special file"),
    ):
        list(buildah._entries(tar, part()))


def test_an_emulator_counts_only_if_the_kernel_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = "7f454c460201010000000000000000000200b700"
    for name, flags in (("qemu-aarch64", "POCF"), ("other", "")):
        text = f"enabled\ninterpreter /x\nflags: {flags}\noffset 0\nmagic {arm}\nmask ff\n"
        (tmp_path / name).write_text(text)
    (tmp_path / "status").write_text("enabled\n")
    monkeypatch.setattr(buildah, "BINFMT", tmp_path)
    monkeypatch.setattr(buildah, "own_platform", lambda: "linux/amd64")
    assert buildah.platforms() == {"linux/amd64", "linux/arm64"}
    (tmp_path / "qemu-aarch64").unlink()
    assert buildah.platforms() == {"linux/amd64"}


def test_a_platform_that_cannot_be_run_is_told_before_the_build(
    make_plan: Callable[..., BuildPlan], spec_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "trouble", lambda: "")
    monkeypatch.setattr(buildah, "platforms", lambda: {"linux/amd64"})
    both = 'platforms = ["linux/amd64", "linux/arm64"]\n\n[stack]'
    chosen = 'name = "python"\nparameters = { installer = "pip" }'
    spec = spec_text.replace('name = "python"', chosen).replace("[stack]", both)
    said = buildah.unable(make_plan(spec))
    assert said.startswith("this machine cannot run commands of linux/arm64")


def test_steps_of_root_want_a_runtime_unless_it_is_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("BUILDAH_ISOLATION", raising=False)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ToolMissingError, match="OCI runtime"):
        containers.isolation()
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    assert containers.isolation() == ["--isolation", "chroot"]
    monkeypatch.delenv("BUILDAH_ISOLATION")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert containers.isolation() == ["--isolation", "chroot"]


LOG = """\
STEP 1/2: FROM base AS build
STEP 2/2: RUN something
Hash mismatch
subprocess exited with status 1
time="2026-01-01T00:00:00Z" level=error msg="exit status 1"
Error: building at STEP "RUN something": exit status 1""".splitlines()


def test_a_failed_step_shows_what_it_said_and_how_it_ended() -> None:
    assert buildah._relevant(tuple(LOG)) == [
        "Hash mismatch",
        'Error: building at STEP "RUN something": exit status 1',
    ]


@pytest.mark.parametrize(
    ("now", "expected"), [((96365, 96365), "4000:4000"), ((500, -1), "500:4000"), ((1, 2), "1:2")]
)
def test_a_step_gets_no_more_processes_than_the_kernel_numbers(
    now: tuple[int, int], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary user's buildah lowers its own limit to that, and cannot give a step more."""
    (tmp_path / "pid_max").write_text("4000\n")
    monkeypatch.setattr(buildah, "PID_MAX", tmp_path / "pid_max")
    monkeypatch.setattr(resource, "getrlimit", lambda _: now)
    assert buildah._limit(resource.RLIMIT_NPROC) == expected
