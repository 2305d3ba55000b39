from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import lock as locks
from imgforge.cli import COMMANDS
from imgforge.cli.main import main
from imgforge.engines import docker
from imgforge.project import Project

Capture = pytest.CaptureFixture[str]


def test_help_begins_with_examples(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("imgforge init ")
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_by_example(name: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"  imgforge {name}") or "imgforge" in lines[1]
    assert any("exit codes" in line for line in lines)


def test_an_unknown_command_is_answered_with_the_nearest(capsys: Capture) -> None:
    assert main(["biuld"]) == 2
    assert "did you mean imgforge build?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["generate-key-pair"], "imgforge key generate"),
        (["verify-attestation", "web"], "imgforge verify --require TYPE"),
        (["verify", "--certificate-identity=x", "web"], "is here --identity"),
        (["verify", "--certificate-oidc-issuer", "x"], "is here --issuer"),
        (["sign", "--yes", "web"], "no question is asked"),
        (["verify", "--identitty", "x"], "did you mean --identity?"),
    ],
)
def test_what_cosign_calls_otherwise_is_answered_with_our_word(
    words: list[str], hint: str, capsys: Capture
) -> None:
    try:
        code: object = main(words)
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("place", ["./layout", "oci:layout", "/srv/layout"])
def test_a_push_to_disk_is_answered_with_what_does_it(place: str, capsys: Capture) -> None:
    assert main(["push", "--key", "imgforge.pub", "registry.test/acme/web:1", place]) == 2
    assert "oras copy -r --to-oci-layout" in capsys.readouterr().err


def test_no_command_is_a_usage_error(capsys: Capture) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().out


def test_render_prints_only_the_dockerfile(
    make_project: Callable[..., Project], capsys: Capture
) -> None:
    project = make_project()
    assert main(["render", str(project.root)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("# Rendered by imgforge")
    assert captured.err == ""


def test_plan_prints_json_and_says_which_engines_can(
    make_project: Callable[..., Project], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    assert main(["plan", str(make_project().root)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["name"] == "acme/web"
    assert "engine native: can build this" in captured.err
    assert "engine buildkit: " in captured.err


def test_a_missing_spec_has_a_hint(tmp_path: Path, capsys: Capture) -> None:
    assert main(["plan", str(tmp_path)]) == 2
    assert "hint: " in capsys.readouterr().err


def test_a_missing_lock_says_how_to_make_it(
    make_project: Callable[..., Project], capsys: Capture
) -> None:
    project = make_project()
    project.lock_path.unlink()
    assert main(["build", str(project.root), "--engine", "native"]) == 2
    assert "imgforge lock" in capsys.readouterr().err


def test_pushing_unsigned_is_refused(make_project: Callable[..., Project], capsys: Capture) -> None:
    assert main(["build", str(make_project().root), "--push", "localhost:1/x/y"]) == 2
    assert "--key" in capsys.readouterr().err


def test_a_platform_that_the_spec_does_not_name_is_refused(
    make_project: Callable[..., Project], capsys: Capture
) -> None:
    root = str(make_project().root)
    assert main(["build", root, "--engine", "native", "--platform", "linux/arm64"]) == 2
    assert "image.platforms has linux/amd64" in capsys.readouterr().err
    assert main(["build", root, "--platform", "arm64"]) == 2
    assert "such as linux/arm64" in capsys.readouterr().err


def test_a_part_of_the_platforms_is_never_pushed(
    make_project: Callable[..., Project], capsys: Capture
) -> None:
    arguments = ["build", str(make_project().root), "--platform", "linux/amd64", "--key", "k"]
    assert main([*arguments, "--push", "localhost:1/x/y"]) == 2
    assert "--platform is for builds that stay here" in capsys.readouterr().err


def test_a_verb_teaches_by_example_too(capsys: Capture) -> None:
    from imgforge.cli.base import VERBS

    for verb in VERBS:
        with pytest.raises(SystemExit) as caught:
            main(["base", verb, "--help"])
        assert caught.value.code == 0
        assert capsys.readouterr().out.splitlines()[1].startswith(f"  imgforge base {verb}")


def test_flags_have_twins_in_the_environment(
    make_project: Callable[..., Project], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_ENGINE", "warp-drive")
    assert main(["build", str(make_project().root)]) == 2
    assert "IMGFORGE_ENGINE is 'warp-drive'" in capsys.readouterr().err


def test_an_impossible_engine_is_exit_3_with_what_to_install(
    make_project: Callable[..., Project], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    docker.probe.cache_clear()  # integration tests in the same process found an able one
    assert main(["build", str(make_project().root), "--engine", "buildkit"]) == 3
    assert "install Docker Engine" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["src=x", "id=x", "id=x,src=a,env=b", "id=x,bogus=1", "x"])
def test_a_malformed_secret_never_shows_its_value(
    make_project: Callable[..., Project], capsys: Capture, text: str
) -> None:
    assert main(["build", str(make_project().root), "--secret", text]) == 2
    assert "write id=NAME" in capsys.readouterr().err


def test_a_secret_that_the_spec_does_not_declare_is_refused(
    make_project: Callable[..., Project], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_VALUE", "very-secret-value")
    arguments = ["build", str(make_project().root), "--engine", "native"]
    assert main([*arguments, "--secret", "id=t,env=TOKEN_VALUE"]) == 2
    captured = capsys.readouterr()
    assert "not declared in build.secrets" in captured.err
    assert "very-secret-value" not in captured.err + captured.out


def test_schema_is_json(capsys: Capture) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "imgforge.toml"


def test_completion_knows_every_command(capsys: Capture) -> None:
    assert main(["completion", "bash"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_a_bug_is_exit_1_with_a_log(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgforge.cli import schema

    def broken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(schema, "run", broken)
    assert main(["schema"]) == 1
    captured = capsys.readouterr().err
    log = next(w for w in captured.split() if w.endswith(".log"))
    assert "ZeroDivisionError" in Path(log).read_text()
    Path(log).unlink()


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, 4), (errno.EACCES, 4), (errno.EINVAL, 1)]
)
def test_a_full_disk_is_no_bug(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    from imgforge.cli import schema

    def broken(*_: object) -> int:
        raise OSError(number, os.strerror(number), "/some/where")

    monkeypatch.setattr(schema, "run", broken)
    assert main(["schema"]) == code
    captured = capsys.readouterr().err
    assert ("/some/where: " in captured) is (code == 4)
    for word in captured.split():
        if word.endswith(".log"):
            Path(word).unlink()


HEAVY = ("pydantic", "jinja2", "docker", "httpx", "cryptography", "hyperscan", "sigstore")


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [(["--help"], ()), (["--version"], ()), (["build", "--help"], ()), (["verify", "--help"], ())],
)
def test_a_command_loads_no_heavy_library_that_it_does_not_need(
    arguments: list[str], allowed: tuple[str, ...]
) -> None:
    code = (
        "import sys, contextlib\nfrom imgforge.cli.main import main\n"
        f"with contextlib.suppress(SystemExit): main({arguments!r})\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not (loaded & set(HEAVY)) - set(allowed)


def test_a_switch_in_the_environment_is_on_off_or_an_error(
    make_project: Callable[..., Project], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(make_project().root)
    for given in ("1", "true", "Yes", "on"):
        monkeypatch.setenv("IMGFORGE_CHECK", given)
        assert main(["lock", root]) == 0
    for given in ("", "0", "False", "no", "off"):
        monkeypatch.setenv("IMGFORGE_CHECK", given)
        assert main(["lock", root, "--export", ""]) == 2
        assert "--export names nothing" in capsys.readouterr().err
    monkeypatch.setenv("IMGFORGE_CHECK", "perhaps")
    assert main(["lock", root]) == 2
    assert "IMGFORGE_CHECK is 'perhaps': neither 1 nor 0" in capsys.readouterr().err


def test_flags_that_ask_for_two_things_are_refused(
    make_project: Callable[..., Project], capsys: Capture
) -> None:
    root = str(make_project().root)
    for flags, words in (
        (("--check", "--import", "x"), "--check and --import are two runs"),
        (("--export", "x", "--upgrade"), "--export and --upgrade are two runs"),
        (("--import", "x", "--dry-run"), "--import has no --dry-run"),
        (("--check", "--dry-run"), "--check has no --dry-run"),
    ):
        assert main(["lock", root, *flags]) == 2
        assert words in capsys.readouterr().err


def test_a_cache_that_cannot_be_is_said(
    make_project: Callable[..., Project], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project().root
    for place in ("/proc/nosuch", str(root / "imgforge.toml")):
        monkeypatch.setenv("IMGFORGE_CACHE", place)
        assert main(["lock", str(root), "--check"]) == 2
        assert "IMGFORGE_CACHE" in capsys.readouterr().err


def test_a_lock_that_pins_another_base_than_the_spec_asks_for_is_never_built(
    make_project: Callable[..., Project], capsys: Capture
) -> None:
    project = make_project()
    lock = locks.read(project.lock_path)
    other = dataclasses.replace(lock.runtime, name="python-3.13-dev")
    locks.write(dataclasses.replace(lock, runtime=other), project.lock_path)
    for command in ("render", "plan", "build"):
        assert main([command, str(project.root)]) == 2
        assert "python-3.13-dev was locked, python-3.13 is wanted" in capsys.readouterr().err
