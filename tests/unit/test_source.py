"""Checkouts made by git itself, read without it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from imgforge import checkout
from imgforge import source as sources
from imgforge.source import Source

URL = "https://example.com/acme/web.git"
ENV = {
    "PATH": os.environ["PATH"],
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607
        cwd=folder,
        env=ENV,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("print()\n")
    (folder / "imgforge.toml").write_text("")
    (folder / "README").write_text("")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    git(folder, "remote", "add", "origin", URL)
    return folder


def source(folder: Path, **environment: str) -> Source | None:
    return sources.of(folder, ["app"], ["**/*.pyc"], environment, files=["imgforge.toml"])


def test_it_says_repository_ref_and_commit(top: Path) -> None:
    commit = git(top, "rev-parse", "HEAD")
    uri = "git+https://example.com/acme/web@refs/heads/main"
    assert source(top) == Source(uri, "refs/heads/main", commit, dirty=False)


def test_the_same_commit_has_the_same_source(top: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(top), "copy")
    git(tmp_path / "copy", "remote", "set-url", "origin", URL)
    assert source(tmp_path / "copy") == source(top)


@pytest.mark.parametrize(
    ("change", "dirty"),
    [
        ("echo >>app/main.py", True),
        ("rm app/main.py", True),
        ("echo >app/new.py", True),
        ("chmod +x app/main.py", True),
        ("echo >>imgforge.toml", True),
        ("git add -A; echo >>app/main.py; git add -A", True),
        ("git update-index --assume-unchanged app/main.py; echo >>app/main.py", True),
        ("git update-index --skip-worktree app/main.py; echo >>app/main.py", True),
        ("ln -sf /etc/hosts app/main.py", True),
        ("echo >>README", False),
        ("echo >new", False),
        ("touch app/main.py", False),
        ("echo >app/x.pyc", False),
        ("printf '*.log\\n' >.git/info/exclude; echo >app/x.log", False),
        ("git rm -q --cached app/main.py", False),
    ],
)
def test_it_says_whether_the_builds_files_differ(top: Path, change: str, *, dirty: bool) -> None:
    subprocess.run(["/bin/sh", "-ec", change], cwd=top, env=ENV, check=True)
    found = source(top)
    assert found is not None
    assert found.dirty is dirty


def test_a_project_may_lie_deep_in_its_repository(top: Path) -> None:
    deep = top / "services" / "web"
    (deep / "app").mkdir(parents=True)
    (deep / "app" / "x").write_text("")
    assert source(deep) is None, "no commit has it"
    git(top, "add", ".")
    git(top, "commit", "-qm", "two")
    found = source(deep)
    assert found is not None
    assert found.dirty is False
    (top / "app" / "main.py").write_text("another project's")
    assert source(deep) == found


def test_where_there_is_no_commit_there_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    assert source(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert source(tmp_path) is None
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/../../etc/passwd\n")
    assert source(tmp_path) is None


def test_packed_refs_worktrees_and_shallow_clones_are_read(top: Path, tmp_path: Path) -> None:
    plain = source(top)
    git(top, "pack-refs", "--all")
    assert not (top / ".git/refs/heads/main").exists()
    assert source(top) == plain
    git(top, "worktree", "add", "-q", "-b", "side/x", str(tmp_path / "side"))
    side = source(tmp_path / "side")
    assert side is not None
    assert (side.ref, side.dirty) == ("refs/heads/side/x", False)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{top}", "shallow")
    shallow = source(tmp_path / "shallow")
    assert shallow is not None
    assert (shallow.uri, shallow.ref, shallow.dirty) == ("", "refs/heads/main", False)


def test_sha256_repositories_are_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main")
    (tmp_path / "app").write_text("")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    found = source(tmp_path)
    assert found is not None
    assert (len(found.commit), found.dirty) == (64, False)


def test_ci_names_the_ref_of_a_detached_head_if_it_means_this_commit(top: Path) -> None:
    git(top, "checkout", "-q", "--detach")
    commit = git(top, "rev-parse", "HEAD")
    bare = source(top)
    assert bare is not None
    assert (bare.uri, bare.ref) == ("git+https://example.com/acme/web", "")
    refs = [
        ({"GITHUB_ACTIONS": "true", "GITHUB_SHA": commit, "GITHUB_REF": "refs/tags/v1"}, "tags/v1"),
        ({"GITLAB_CI": "true", "CI_COMMIT_SHA": commit, "CI_COMMIT_TAG": "v2"}, "tags/v2"),
        ({"GITLAB_CI": "true", "CI_COMMIT_SHA": commit, "CI_COMMIT_BRANCH": "b"}, "heads/b"),
        ({"BUILDKITE": "true", "BUILDKITE_COMMIT": commit, "BUILDKITE_BRANCH": "m"}, "heads/m"),
    ]
    for environment, ref in refs:
        found = source(top, **environment)
        assert found is not None
        assert found.uri == f"git+https://example.com/acme/web@refs/{ref}"
        wrong = {k: "0" * 40 if v == commit else v for k, v in environment.items()}
        assert source(top, **wrong) == bare
    strange = {**refs[0][0], "GITHUB_REF": "refs/heads/a@{1}"}
    assert source(top, **strange) == bare


def test_no_credential_is_told(top: Path) -> None:
    git(top, "remote", "set-url", "origin", "https://job:word@example.com/acme/web.git")
    assert "word" not in str(source(top))
    assert "job" not in str(source(top))
    git(top, "remote", "set-url", "origin", "/srv/of/this/machine")
    found = source(top)
    assert found is not None
    assert found.uri == ""


def test_a_branchs_own_remote_comes_first(top: Path) -> None:
    git(top, "remote", "add", "fork", "https://example.com/fork/web")
    git(top, "config", "branch.main.remote", "fork")
    found = source(top)
    assert found is not None
    assert found.uri == "git+https://example.com/fork/web@refs/heads/main"


def test_nothing_that_a_checkout_configures_is_run(top: Path, tmp_path: Path) -> None:
    """CVE-2022-24765: whoever owns the checkout must not run programs as whoever builds it."""
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 $@ >>{ran}\ncat\n")
    program.chmod(0o755)
    keys = ("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "core.sshCommand")
    for key in (*keys, "core.alternateRefsCommand", "diff.external", "core.pager"):
        git(top, "config", key, str(program))
    git(top, "config", "core.hooksPath", str(tmp_path / "hooks"))
    (tmp_path / "hooks").mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
        (tmp_path / "hooks" / hook).symlink_to(program)
        (top / ".git" / "hooks").mkdir(exist_ok=True)
        (top / ".git" / "hooks" / hook).symlink_to(program)
    (top / "app" / ".gitattributes").write_text("* filter=evil\n")
    (top / "app" / "main.py").write_text("changed\n")
    found = source(top)
    assert found is not None
    assert found.dirty is True
    assert not ran.exists()
    subprocess.run(["git", "status"], cwd=top, env=ENV, capture_output=True, check=False)  # noqa: S607
    assert ran.exists(), "git itself would have run it"


def test_a_checkout_of_another_owner_is_read(top: Path) -> None:
    if os.geteuid() != 0:
        pytest.fail("this test needs root, as CI is")
    plain = source(top)
    for path in (top, top / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(subprocess.CalledProcessError):
        git(top, "status")
    assert source(top) == plain


def test_submodules_must_stand_at_their_commit(top: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q", "-b", "main")
    (library / "x").write_text("1")
    git(library, "add", ".")
    git(library, "commit", "-qm", "one")
    git(top, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "app/lib")
    git(top, "commit", "-qm", "with it")
    clean = source(top)
    assert clean is not None
    assert clean.dirty is False
    inside = source(top / "app/lib")
    assert inside is None, "it has no app"
    (top / "app/lib/x").write_text("2")
    changed = source(top)
    assert changed is not None
    assert changed.dirty is True
    git(top / "app/lib", "commit", "-qam", "two")
    ahead = source(top)
    assert ahead is not None
    assert ahead.dirty is True
    git(tmp_path, "clone", "-q", str(top), "without")
    without = source(tmp_path / "without")
    assert without is not None
    assert without.dirty is False


def test_without_git_nobody_knows_whether_it_is_changed(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = source(top)
    assert plain is not None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source(top) == Source(plain.uri, plain.ref, plain.commit, dirty=None)


def test_a_broken_repository_breaks_no_build(top: Path) -> None:
    for path in (top / ".git/objects").glob("??/*"):
        path.unlink()
    found = source(top)
    assert found is not None
    assert found.dirty is None


def test_the_stamp_changes_with_commit_ref_and_remote(top: Path) -> None:
    seen = [checkout.stamp(top, {})]
    (top / "app/main.py").write_text("changed")
    assert checkout.stamp(top, {}) == seen[0], "contents are in the key beside it"
    git(top, "commit", "-qam", "two")
    seen.append(checkout.stamp(top, {}))
    git(top, "checkout", "-qb", "side")
    seen.append(checkout.stamp(top, {}))
    git(top, "remote", "set-url", "origin", "https://example.com/other")
    seen.append(checkout.stamp(top, {}))
    git(top, "checkout", "-q", "--detach")
    seen.append(checkout.stamp(top, {}))
    assert len(set(seen)) == len(seen)
    git(top, "pack-refs", "--all")
    git(top, "fetch", "-q", str(top))
    assert checkout.stamp(top, {}) == seen[-1], "what says the same builds nothing anew"


def test_the_stamp_takes_no_time(top: Path) -> None:
    commit = git(top, "rev-parse", "HEAD")
    git(top, "pack-refs", "--all")
    with (top / ".git/packed-refs").open("a") as file:
        file.writelines(f"{commit} refs/tags/v{number:06}\n" for number in range(10_000))
    best = 1.0
    for _ in range(5):
        began = time.perf_counter()
        checkout.stamp(top, {})
        best = min(best, time.perf_counter() - began)
    assert best < 0.005


@pytest.mark.parametrize("name", ["HEAD", "config", "packed-refs"])
def test_pipes_and_floods_in_a_repository_are_not_waited_for(top: Path, name: str) -> None:
    git(top, "pack-refs", "--all")
    path = top / ".git" / name
    path.unlink()
    os.mkfifo(path)
    source(top)
    path.unlink()
    path.write_bytes(b"\x00" * ((1 << 20) + 1))
    source(top)


def test_no_configuration_is_slow_to_read(top: Path) -> None:
    config = top / ".git" / "config"
    for text in ("[a" + " " * 500_000, "a =" + " " * 500_000 + '"', "\\\n" * 100_000):
        config.write_text(text)
        began = time.process_time()
        assert source(top) is not None
        assert time.process_time() - began < 1


def test_a_configuration_is_read_as_git_reads_it(top: Path) -> None:
    """But for what is quoted, escaped or included: none of that is in what git itself writes."""
    config = top / ".git" / "config"
    texts = {
        '[Remote "origin"] URL = https://example.com/a ;\n\turl = https://example.com/b\n': "b",
        '[remote "origin"]\nurl=https://example.com/a\nurl=https://example.com/b\n': "a",
        '[remote "other"]\n\turl = https://example.com/a\n': "a",
        '[remote "x"]\nurl=https://example.com/a\n[remote "y"]\nurl=https://example.com/b\n': "",
        '[remote "origin"]\nurl = "https://example.com/a"\n': "",
        "[include]\npath = elsewhere\n": "",
        '[remote "origin"]\nurl = x\u2028[remote "origin"]\u2028url = https://example.com/a\n': "",
    }
    for text, name in texts.items():
        config.write_text(text, encoding="utf-8")
        found = source(top)
        assert found is not None
        assert found.uri == (f"git+https://example.com/{name}@refs/heads/main" if name else "")
