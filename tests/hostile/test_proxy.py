"""A proxy of the settings: asked for what is far, never for what is here."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakeregistry import FakeRegistry, serve

from imgforge.errors import TransientError
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import MANIFEST, sha256

DATA = b'{"schemaVersion":2,"mediaType":"%s","layers":[],"config":{}}' % MANIFEST.encode()
FAR = "registry.invalid"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("IMGFORGE_INSECURE_REGISTRIES", FAR)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")


def found(place: str) -> str | None:
    with Registry(Reference.parse(f"{place}/team/app:tag"), pause=lambda _: None) as registry:
        answer = registry.find("tag")
    return answer and answer[0].digest


def test_a_far_registry_is_reached_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRegistry(manifests={sha256(DATA): (MANIFEST, DATA)}, tags={"tag": sha256(DATA)})
    with serve(fake):
        monkeypatch.setenv("IMGFORGE_PROXY", f"http://{fake.place}")
        assert found(FAR) == sha256(DATA)
        assert fake.seen[-1].path == f"http://{FAR}/v2/team/app/manifests/tag"
        monkeypatch.setenv("NO_PROXY", FAR)
        monkeypatch.setenv("no_proxy", FAR)
        with pytest.raises(TransientError):
            found(FAR)


def test_this_machine_is_reached_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRegistry(manifests={sha256(DATA): (MANIFEST, DATA)}, tags={"tag": sha256(DATA)})
    with serve(fake):
        monkeypatch.setenv("IMGFORGE_PROXY", "http://127.0.0.1:9")
        assert found(fake.place) == sha256(DATA)


def test_the_proxy_wins_over_the_environments_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRegistry(manifests={sha256(DATA): (MANIFEST, DATA)}, tags={"tag": sha256(DATA)})
    with serve(fake):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("IMGFORGE_PROXY", f"http://{fake.place}")
        assert found(FAR) == sha256(DATA)
