"""Provenance as imgforge, GitHub, slsa-github-generator, BuildKit and others write it."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import condition
import pytest

from imgforge import lock as locks
from imgforge import project
from imgforge.errors import InvalidInputError
from imgforge.plan import BuildPlan
from imgforge.provenance import build, shared
from imgforge.signing.statement import PROVENANCE, PROVENANCES
from imgforge.source import Source
from imgforge.verify.conditions.shown import fits_uri

V02 = PROVENANCES[1]
COMMIT = "c" * 40
SOURCE = "https://github.com/acme/web"
REF = "refs/heads/main"
URI = f"git+{SOURCE}@{REF}"


def against(
    predicate: object,
    kind: str = PROVENANCE,
    **demand: Any,  # noqa: ANN401 - any field of Attested
) -> list[str]:
    return condition.against(predicate, kind, **demand)


def own(plan: BuildPlan, source: Source | None) -> dict[str, Any]:
    one, two, three, four = (f"sha256:{c * 64}" for c in "1234")
    inputs = build.Inputs(one, two, three, four, source)
    made = build.predicate(plan, inputs, engine="native", tools={})
    return dict(json.loads(json.dumps(made)))


@pytest.fixture
def plain(make_plan: Callable[..., BuildPlan]) -> dict[str, Any]:
    return own(make_plan(), Source(URI, REF, COMMIT, dirty=False))


GITHUB: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {
                "ref": REF,
                "repository": SOURCE,
                "path": ".github/workflows/release.yml",
            }
        },
        "internalParameters": {"github": {"event_name": "push"}},
        "resolvedDependencies": [{"uri": URI, "digest": {"gitCommit": COMMIT}}],
    },
    "runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}},
}
GENERATOR: dict[str, Any] = {
    "builder": {
        "id": "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/"
        "generator_container_slsa3.yml@refs/tags/v2.1.0"
    },
    "buildType": "https://github.com/slsa-framework/slsa-github-generator/container@v1",
    "invocation": {
        "configSource": {
            "uri": URI,
            "digest": {"sha1": COMMIT},
            "entryPoint": ".github/workflows/release.yml",
        },
        "parameters": {},
    },
    "materials": [{"uri": URI, "digest": {"sha1": COMMIT}}],
}
BASE = {
    "uri": "pkg:docker/alpine@3.18?platform=linux%2Famd64",
    "digest": {"sha256": "b" * 64},
}
BUILDKIT: dict[str, Any] = {
    "builder": {"id": ""},
    "buildType": "https://mobyproject.org/buildkit@v1",
    "materials": [
        BASE,
        {"uri": f"{SOURCE}.git#{REF}", "digest": {"sha1": COMMIT}},
        {"uri": "https://example.com/other.git", "digest": {"sha1": COMMIT}},
    ],
    "invocation": {
        "configSource": {
            "uri": f"{SOURCE}.git#{REF}",
            "digest": {"sha1": COMMIT},
            "entryPoint": "Dockerfile",
        },
        "parameters": {"frontend": "dockerfile.v0", "args": {}, "locals": []},
    },
}
HINTED: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/"
        "slsa-definitions.md",
        "externalParameters": {
            "configSource": {"path": "Dockerfile"},
            "request": {
                "root": {
                    "request": {"args": {"vcs:source": f"{SOURCE}.git", "vcs:revision": COMMIT}}
                }
            },
        },
        "resolvedDependencies": [BASE],
    },
    "runDetails": {
        "builder": {"id": "https://github.com/acme/ci/actions/runs/1"},
        "metadata": {"buildkit_metadata": {"vcs": {"source": SOURCE, "revision": COMMIT}}},
    },
}
GITLAB: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/x/PROVENANCE.md",
        "externalParameters": {"source": SOURCE, "entryPoint": "build"},
        "resolvedDependencies": [{"uri": SOURCE, "digest": {"sha256": COMMIT}}],
    },
    "runDetails": {"builder": {"id": "https://gitlab.com/acme/ci/-/runners/1"}},
}
OTHERS = [(PROVENANCE, GITHUB), (V02, GENERATOR), (V02, BUILDKIT)]


@pytest.mark.parametrize("glob", [SOURCE, "https://github.com/acme/*", f"git+{SOURCE}.git", "*"])
def test_source_and_ref_of_every_builder_are_found(plain: dict[str, Any], glob: str) -> None:
    for kind, predicate in [(PROVENANCE, plain), *OTHERS]:
        assert against(predicate, kind, source=glob, ref="refs/heads/*") == []
    assert against(HINTED, source=glob) == []
    assert against(GITLAB, source=glob) == []


def test_another_source_or_ref_is_a_reason(plain: dict[str, Any]) -> None:
    for kind, predicate in [(PROVENANCE, plain), *OTHERS]:
        (reason, *_) = against(predicate, kind, source="https://github.com/evil/*")
        assert "'https://github.com/acme/web', not 'https://github.com/evil/*'" in reason
        (reason, *_) = against(predicate, kind, ref="refs/tags/*")
        assert "'refs/heads/main', not 'refs/tags/*'" in reason
    (reason, *_) = against(HINTED, ref="*")
    assert "names no ref" in reason


def replaced(value: Any, old: str, new: object) -> list[Any]:  # noqa: ANN401 - JSON
    """Return copies of ``value``, in each of which one other text that holds ``old`` is ``new``."""
    found: list[Any] = []

    def walk(at: Any, path: tuple[Any, ...]) -> None:  # noqa: ANN401 - JSON
        if isinstance(at, str) and old in at:
            copied = copy.deepcopy(value)
            inner = copied
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = new
            found.append(copied)
        elif isinstance(at, dict | list):
            for step, below in at.items() if isinstance(at, dict) else enumerate(at):
                walk(below, (*path, step))

    walk(value, ())
    return found


@pytest.mark.parametrize("new", ["git+https://github.com/evil/web", 7, [], {}, True])
def test_where_several_fields_say_it_all_must_fit(plain: dict[str, Any], new: object) -> None:
    samples = [(PROVENANCE, plain, 1), (PROVENANCE, GITHUB, 2), (V02, GENERATOR, 2)]
    for kind, predicate, places in [*samples, (PROVENANCE, HINTED, 2)]:
        changed = replaced(predicate, "github.com/acme/web", new)
        assert len(changed) == places
        assert all(against(each, kind, source=SOURCE) for each in changed)


@pytest.mark.parametrize("new", ["https://github.com/evil/web", "", "x"])
def test_a_commit_is_of_a_source_whatever_its_uri(plain: dict[str, Any], new: str) -> None:
    for predicate in (plain, GITHUB, HINTED):
        changed = replaced(predicate, "github.com/acme/web", new)
        assert all(against(each, source=SOURCE) for each in changed)


def test_what_buildkit_added_from_elsewhere_is_not_the_source() -> None:
    assert against(BUILDKIT, V02, source=SOURCE) == []
    other = copy.deepcopy(BUILDKIT)
    other["invocation"]["configSource"]["uri"] = "https://example.com/other.git#main"
    assert against(other, V02, source=SOURCE)


@pytest.mark.parametrize("revision", [f"{COMMIT}-dirty", "main", "", 7, None])
def test_a_hint_of_a_changed_folder_is_a_reason(revision: object) -> None:
    hinted = copy.deepcopy(HINTED)
    hinted["runDetails"]["metadata"]["buildkit_metadata"]["vcs"]["revision"] = revision
    reasons = against(hinted, source=SOURCE)
    assert (reasons == []) == (revision is None)
    if revision is not None:
        assert "no commit as it is in the repository" in reasons[0]


@pytest.mark.parametrize("dirty", [True, None])
def test_a_changed_checkout_is_not_its_commit(
    make_plan: Callable[..., BuildPlan], *, dirty: bool | None
) -> None:
    predicate = own(make_plan(), Source(URI, REF, COMMIT, dirty))
    (reason,) = against(predicate, source=SOURCE, ref=REF)
    assert "may differ from its commit" in reason
    assert against(predicate, builder="*") == []


def test_a_source_without_a_repository_is_a_reason(make_plan: Callable[..., BuildPlan]) -> None:
    for source in (None, Source("", REF, COMMIT, dirty=False)):
        predicate = own(make_plan(), source)
        assert against(predicate, source="*")
        assert against(predicate, ref="*")
    (reason,) = against(predicate, source="*")
    assert reason.startswith("it does not say which repository the source is from: ")


def test_imgforges_source_needs_a_commit_and_only_one_repository(plain: dict[str, Any]) -> None:
    dependencies = plain["buildDefinition"]["resolvedDependencies"]
    (source,) = [d for d in dependencies if d.get("name") == "source"]
    other = {**source, "uri": "git+https://github.com/evil/web@refs/heads/main"}
    dependencies.append(other)
    (reason,) = against(plain, source=SOURCE)
    assert "evil" in reason
    dependencies.remove(other)
    source["name"] = "web"
    (reason,) = against(plain, source=SOURCE)
    assert reason == "no resolved dependency is named source"
    source["name"] = "source"
    source["digest"] = {"sha256": COMMIT}
    (reason,) = against(plain, source=SOURCE)
    assert "no commit" in reason


def test_workflow_and_dependency_may_not_name_two_refs() -> None:
    two = copy.deepcopy(GITHUB)
    two["buildDefinition"]["externalParameters"]["workflow"]["ref"] = "refs/heads/evil"
    (reason,) = against(two, ref=REF)
    assert "refs/heads/evil" in reason


def test_builder_and_build_type_are_globs(plain: dict[str, Any]) -> None:
    assert against(plain, builder=shared.BUILDER, build_type=shared.BUILD_TYPE) == []
    assert against(GITHUB, builder="https://github.com/actions/runner/*") == []
    assert against(GENERATOR, V02, builder="*/generator_container_slsa3.yml@refs/tags/v*") == []
    assert against(GENERATOR, V02, build_type="*/container@v1") == []
    (reason,) = against(GITHUB, builder="https://example.com/*")
    assert reason == (
        "runDetails.builder.id is 'https://github.com/actions/runner/github-hosted', "
        "not 'https://example.com/*'"
    )
    assert against(BUILDKIT, V02, builder="https://*"), "an empty builder is none"


def test_a_predicate_of_the_other_version_proves_nothing() -> None:
    assert against(GITHUB, V02, builder="*")
    assert against(GENERATOR, builder="*")
    assert against(GITHUB, "https://slsa.dev/provenance/v0.1", builder="*")
    assert against(GITHUB, "https://spdx.dev/Document", builder="*")


@pytest.fixture
def pinned(make_project: Callable[..., project.Project]) -> Path:
    return make_project().lock_path


def test_every_base_must_be_in_the_lock(plain: dict[str, Any], pinned: Path) -> None:
    assert against(plain, locked=pinned) == []
    bases = [
        d
        for d in plain["buildDefinition"]["resolvedDependencies"]
        if d.get("uri", "").startswith("oci:")
    ]
    assert bases
    for base in bases:
        right = base["digest"]
        for wrong in ({"sha256": "9" * 64}, {"sha512": "a" * 128}, {}, None, "a" * 64):
            base["digest"] = wrong
            (reason,) = against(plain, locked=pinned)
            assert "the lock does not pin" in reason
        base["digest"] = right
        base["annotations"] = {"flattened": "sha256:" + "9" * 64}
        assert against(plain, locked=pinned)
        del base["annotations"]


def test_flattened_bases_are_pinned_by_both_digests(pinned: Path) -> None:
    lock = locks.read(pinned)
    upstream = "sha256:" + "9" * 64
    runtime = dataclasses.replace(
        lock.runtime,
        source="registry",
        definition="",
        upstream=upstream,
        platforms=tuple(dataclasses.replace(p, layers=()) for p in lock.runtime.platforms),
    )
    locks.write(dataclasses.replace(lock, runtime=runtime), pinned)
    base = {"uri": f"oci:x@{upstream}", "digest": {"sha256": "9" * 64}}
    flattened = {**base, "annotations": {"flattened": runtime.digest}}
    for dependency, holds in ((base, True), (flattened, True)):
        predicate = copy.deepcopy(GITHUB)
        predicate["buildDefinition"]["resolvedDependencies"].append(dependency)
        assert (against(predicate, locked=pinned) == []) is holds


@pytest.mark.parametrize(
    "uri",
    [
        "pkg:docker/alpine@3",
        "PKG:OCI/alpine",
        "docker://alpine",
        "docker-image://a",
        "oci-layout:x",
    ],
)
def test_images_are_bases_however_they_are_called(pinned: Path, uri: str) -> None:
    predicate = copy.deepcopy(GITHUB)
    image = {"uri": uri, "digest": {"sha256": "a" * 64}}
    predicate["buildDefinition"]["resolvedDependencies"].append(image)
    assert against(predicate, locked=pinned) == []
    image["digest"] = {"sha256": "9" * 64}
    assert against(predicate, locked=pinned)


def test_a_provenance_without_a_base_or_with_a_nameless_input_is_a_reason(pinned: Path) -> None:
    assert against(GITHUB, locked=pinned) == [
        "the provenance names no base, and each is to be in the lock"
    ]
    predicate = copy.deepcopy(GITHUB)
    dependencies = predicate["buildDefinition"]["resolvedDependencies"]
    dependencies += [{"uri": "oci:a", "digest": {"sha256": "a" * 64}}, {"digest": {"sha256": "x"}}]
    (reason,) = against(predicate, locked=pinned)
    assert "it may be a base" in reason


def test_a_lock_that_cannot_be_read_is_the_policys_fault(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there is no lock"):
        against(GITHUB, locked=tmp_path / "imgforge.lock")


def test_a_flood_of_materials_is_not_read(pinned: Path) -> None:
    predicate = copy.deepcopy(GITHUB)
    predicate["buildDefinition"]["resolvedDependencies"] *= 20_001
    (reason,) = against(predicate, locked=pinned)
    assert "over 20000" in reason
    predicate["buildDefinition"]["resolvedDependencies"] = [{"uri": "git+x"}] * 20_000
    assert against(predicate, source=SOURCE)[-1] == "and more"


def test_no_wildcard_leaves_the_host_of_a_source_or_builder() -> None:
    glob = "https://*.example.com/*"
    evil = "https://evil.org/.example.com/x"
    assert fits_uri("https://git.example.com/acme/web", glob)
    assert not fits_uri(evil, glob)
    predicate = {"runDetails": {"builder": {"id": evil}}}
    assert against(predicate, builder=glob)
