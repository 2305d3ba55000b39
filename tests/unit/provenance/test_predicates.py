from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping

import pytest
from packageurl import PackageURL

from imgforge import lock
from imgforge.oci.types import Platform
from imgforge.plan import BuildPlan
from imgforge.provenance import base, build, complete, shared, told
from imgforge.signing.statement import PROVENANCE
from imgforge.source import Source

SEAL = "sha512-" + "A" * 86 + "=="
ONE, TWO, THREE, FOUR = (f"sha256:{c * 64}" for c in "1234")
INPUTS = build.Inputs(ONE, TWO, THREE, FOUR)


def predicate(plan: BuildPlan) -> dict[str, object]:
    return build.predicate(plan, INPUTS, engine="native", tools={"imgforge-native": "1"})


def test_it_names_every_input_by_digest(make_plan: Callable[..., BuildPlan]) -> None:
    value = json.dumps(predicate(make_plan()))
    for digit in "134ab":
        assert digit * 64 in value
    assert '"engine": "native"' in value


def test_a_flattened_base_is_named_as_its_registry_has_it(
    make_plan: Callable[..., BuildPlan],
) -> None:
    plan = make_plan()
    upstream = "sha256:" + "9" * 64
    flat = dataclasses.replace(plan.runtime.base, upstream=upstream)
    plan = dataclasses.replace(plan, runtime=dataclasses.replace(plan.runtime, base=flat))
    definition = json.loads(json.dumps(predicate(plan)))["buildDefinition"]
    (found,) = [d for d in definition["resolvedDependencies"] if d.get("annotations")]
    assert found == {
        "uri": f"oci:{flat.reference}@{upstream}",
        "digest": {"sha256": "9" * 64},
        "name": flat.name,
        "annotations": {"flattened": flat.digest},
    }


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (
            Source(
                "git+https://example.com/acme/web@refs/heads/main", "refs/heads/main", "c0", False
            ),
            {
                "uri": "git+https://example.com/acme/web@refs/heads/main",
                "annotations": {"dirty": False},
            },
        ),
        (
            Source("", "refs/heads/x", "c0", True),
            {"annotations": {"dirty": True, "ref": "refs/heads/x"}},
        ),
        (Source("", "", "c0", None), {}),
    ],
)
def test_it_names_the_commit_and_whether_it_was_changed(
    make_plan: Callable[..., BuildPlan], source: Source, written: dict[str, object]
) -> None:
    inputs = dataclasses.replace(INPUTS, source=source)
    value = build.predicate(make_plan(), inputs, engine="native", tools={})
    named = [d for d in dependencies(value) if d.get("name") == "source"]
    assert named == [{"name": "source", "digest": {"gitCommit": "c0"}, **written}]
    assert not [d for d in dependencies(predicate(make_plan())) if d.get("name") == "source"]


def dependencies(value: Mapping[str, object]) -> list[dict[str, object]]:
    found = json.loads(json.dumps(value))["buildDefinition"]["resolvedDependencies"]
    return list(found)


def test_it_says_the_same_each_time(make_plan: Callable[..., BuildPlan]) -> None:
    assert predicate(make_plan()) == predicate(make_plan())


def test_it_has_the_fields_that_slsa_demands(make_plan: Callable[..., BuildPlan]) -> None:
    value = json.loads(json.dumps(predicate(make_plan())))
    definition, run = value["buildDefinition"], value["runDetails"]
    assert definition["buildType"].startswith("https://")
    assert isinstance(definition["externalParameters"], dict)
    assert run["builder"]["id"].startswith("https://")
    for dependency in definition["resolvedDependencies"]:
        assert set(dependency["digest"]) == {"sha256"}
        assert dependency["uri"]
    assert run["metadata"]["startedOn"].endswith("Z")


def test_secrets_are_named_never_told(make_plan: Callable[..., BuildPlan], spec_text: str) -> None:
    plan = make_plan(spec_text + '\n[[build.secrets]]\nid = "netrc"\nstep = "dependencies"\n')
    definition = json.loads(json.dumps(predicate(plan)))["buildDefinition"]
    assert definition["externalParameters"]["secrets"] == ["netrc"]


def made_base() -> lock.LockedBase:
    """Return a base of a package, a wheel and two tarballs, the same on both platforms."""
    package = lock.Package(
        *("libstdc++6", "1:14.2~rc1-1+b2", "amd64", "gcc-14", "14.2", "1" * 64, 7),
        "pool/main/g/gcc-14/libstdc++6_14.2_amd64.deb",
        "trixie",
    )
    wheel = lock.Wheel("uv", "0.9", ("2" * 64,), "3" * 64, 5)
    tarballs = (
        lock.Tarball("@scope/tool", "1.0.0", "4" * 64, 3, "@scope/tool/-/tool-1.0.0.tgz", SEAL),
        lock.Tarball("npm", "11.0.0", "5" * 64, 3, "npm/-/npm-11.0.0.tgz", SEAL),
    )
    layer = lock.LockedLayer("demo", (package,), (wheel,), tarballs)
    digest = "sha256:" + "a" * 64
    platforms = (Platform("linux", "amd64"), Platform("linux", "arm64"))
    return lock.LockedBase(
        *("demo", "packages", "imgforge/demo", digest, 1_700_000_000, "sha256:" + "b" * 64),
        (lock.Archive("trixie", "2026-11-20T00:00:00Z", "6" * 64),),
        tuple(lock.LockedPlatform(p, digest, (layer,)) for p in platforms),
        "debian13",
    )


def test_a_base_depends_on_every_archive_and_file_once() -> None:
    found = base.predicate(made_base(), {"ID": "debian", "VERSION_ID": "13"})
    definition = found["buildDefinition"]
    assert definition["buildType"] == shared.BASE_BUILD_TYPE
    assert definition["externalParameters"]["platforms"] == ["linux/amd64", "linux/arm64"]
    by_digest = {d["digest"]["sha256"][0]: d["uri"] for d in definition["resolvedDependencies"]}
    assert len(by_digest) == len(definition["resolvedDependencies"]) == 5
    assert by_digest["6"] == "file:dists/trixie/InRelease"
    urls = {digit: PackageURL.from_string(by_digest[digit]) for digit in "1345"}
    assert (urls["1"].namespace, urls["1"].name) == ("debian", "libstdc++6")
    assert urls["1"].version == "1:14.2~rc1-1+b2"
    assert urls["1"].qualifiers == {"arch": "amd64", "distro": "debian-13"}
    assert (urls["4"].namespace, urls["4"].name, urls["4"].version) == ("@scope", "tool", "1.0.0")
    assert (urls["3"].type, urls["5"].type) == ("pypi", "npm")


def test_the_same_base_has_the_same_provenance() -> None:
    one, two = (base.predicate(made_base(), {"ID": "debian"}) for _ in range(2))
    assert one == two
    assert one["runDetails"]["metadata"]["startedOn"] == "2023-11-14T22:13:20Z"


def test_all_of_a_base_is_pinned() -> None:
    made = base.predicate(made_base(), {"ID": "debian", "VERSION_ID": "13"})
    points = complete.points(told.read(PROVENANCE, made))
    assert {point.state for point in points} == {"pinned"}
    assert [point.what for point in points] == ["materials", "definition", "imgforge", "layers"]
    made["buildDefinition"]["resolvedDependencies"][1]["digest"] = {"md5": "0" * 32}
    points = complete.points(told.read(PROVENANCE, made))
    assert [point.said for point in points if point.state == "open"] == ["there is no digest of it"]


def test_the_state_of_indexes_is_told_once(make_plan: Callable[..., BuildPlan]) -> None:
    archive = lock.Archive("trixie", "2026-11-20T00:00:00Z", "6" * 64)
    inputs = dataclasses.replace(INPUTS, archives=(archive, archive))
    value = build.predicate(make_plan(), inputs, engine="native", tools={"uv": "1.2"})
    rows = [d for d in dependencies(value) if str(d["uri"]).startswith("file:dists/")]
    assert [row["digest"] for row in rows] == [{"sha256": "6" * 64}]
    builder = value["runDetails"]["builder"]
    assert [row["name"] for row in builder["builderDependencies"]] == ["imgforge", "uv"]
