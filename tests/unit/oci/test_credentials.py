from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from imgforge.errors import ImgforgeError, InvalidInputError, RegistryError, ToolMissingError
from imgforge.oci import credentials
from imgforge.oci.credentials import Credentials
from imgforge.oci.reference import Reference

APP = Reference.parse("r.io:5000/team/app")


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    for name in ("docker", "home/.docker", "bin"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def configure(folder: Path, value: object, name: str = "docker/config.json") -> None:
    (folder / name).write_text(json.dumps(value))


def helper(folder: Path, script: str) -> None:
    path = folder / "bin" / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_any_file_there_are_none(folder: Path) -> None:
    assert credentials.find(APP) is None
    configure(folder, {})
    assert credentials.find(APP) is None


@pytest.mark.parametrize(
    "key",
    ["r.io:5000", "https://r.io:5000", "https://r.io:5000/v2/", "r.io:5000/team", "r.io:5000/"],
)
def test_auths_are_found_under_the_keys_that_tools_write(folder: Path, key: str) -> None:
    configure(folder, {"auths": {key: {"auth": packed("me:pa:ss")}}})
    assert credentials.find(APP) == Credentials("me", "pa:ss")


@pytest.mark.parametrize(
    "key", ["r.io", "r.io:500", "other.r.io:5000", "r.io:5000/te", "R.io:5000"]
)
def test_other_registries_keys_do_not_count(folder: Path, key: str) -> None:
    configure(folder, {"auths": {key: {"auth": packed("me:pw")}}})
    assert credentials.find(APP) is None


def test_the_longest_path_goes_first(folder: Path) -> None:
    entries = {
        "r.io:5000": {"auth": packed("a:1")},
        "r.io:5000/team/app": {"auth": packed("b:2")},
        "r.io:5000/team": {"auth": packed("c:3")},
    }
    configure(folder, {"auths": entries})
    assert credentials.find(APP) == Credentials("b", "2")


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io"])
def test_docker_hub_has_several_names(folder: Path, key: str) -> None:
    configure(folder, {"auths": {key: {"auth": packed("me:pw")}}})
    assert credentials.find(Reference.parse("alpine")) == Credentials("me", "pw")


def test_identity_tokens_and_plain_fields_are_read(folder: Path) -> None:
    configure(folder, {"auths": {"r.io:5000": {"auth": packed("me:"), "identitytoken": "tok"}}})
    assert credentials.find(APP) == Credentials("me", "", "tok")
    configure(folder, {"auths": {"r.io:5000": {"username": "me", "password": "pw"}}})
    assert credentials.find(APP) == Credentials("me", "pw")
    configure(folder, {"auths": {"r.io:5000": {}}})
    assert credentials.find(APP) is None


def test_podmans_file_is_read_and_home_only_if_nothing_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(folder, {"auths": {"r.io:5000": {"auth": packed("p:1")}}}, "auth.json")
    configure(folder, {"auths": {"r.io:5000": {"auth": packed("h:1")}}}, "home/.docker/config.json")
    assert credentials.find(APP) is None
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(folder / "auth.json"))
    assert credentials.find(APP) == Credentials("p", "1")
    monkeypatch.delenv("REGISTRY_AUTH_FILE")
    monkeypatch.delenv("DOCKER_CONFIG")
    assert credentials.find(APP) == Credentials("h", "1")


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"auths": []},
        {"auths": {"r.io:5000": "x"}},
        {"auths": {"r.io:5000": {"auth": "!"}}},
        {"auths": {"r.io:5000": {"auth": packed("nocolon")}}},
        {"auths": {"r.io:5000": {"auth": 7}}},
        {"auths": {"r.io:5000": {"identitytoken": {}}}},
        {"credHelpers": "x"},
        {"credHelpers": {"r.io:5000": "../../bin/sh"}},
        {"credHelpers": {"r.io:5000": "-x"}},
        {"credsStore": 7},
    ],
    ids=str,
)
def test_a_malformed_file_is_an_error_that_tells_no_secret(folder: Path, value: object) -> None:
    configure(folder, value)
    with pytest.raises(InvalidInputError, match=r"config\.json") as caught:
        credentials.find(APP)
    assert "nocolon" not in caught.value.message


def test_a_repeated_key_is_refused(folder: Path) -> None:
    (folder / "docker/config.json").write_text('{"auths":{},"auths":{}}')
    with pytest.raises(InvalidInputError, match="repeats a key"):
        credentials.find(APP)


ANSWER = r"""read server; printf '{"Username":"u-%s","Secret":"s"}' "$server" """


def test_a_helper_is_asked_on_its_standard_input(folder: Path) -> None:
    helper(folder, f'[ "$1" = get ] || exit 9; {ANSWER}')
    configure(folder, {"credHelpers": {"r.io:5000": "test"}})
    assert credentials.find(APP) == Credentials("u-r.io:5000", "s")
    configure(folder, {"credsStore": "test", "auths": {"r.io:5000": {}}})
    assert credentials.find(APP) == Credentials("u-r.io:5000", "s")
    hub = Reference.parse("alpine")
    assert credentials.find(hub) == Credentials("u-https://index.docker.io/v1/", "s")


def test_a_helper_may_give_an_identity_token_or_know_nothing(folder: Path) -> None:
    helper(folder, """printf '{"Username":"<token>","Secret":"tok"}'""")
    configure(folder, {"credsStore": "test"})
    assert credentials.find(APP) == Credentials("", "", "tok")
    helper(folder, "echo credentials not found in native keychain; exit 1")
    assert credentials.find(APP) is None
    configure(folder, {"credsStore": "test", "auths": {"r.io:5000": {"auth": packed("a:1")}}})
    assert credentials.find(APP) == Credentials("a", "1")


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo locked; exit 1", RegistryError),
        ("echo nonsense", RegistryError),
        ("""echo '{"Username":1,"Secret":"s3cret"}'""", RegistryError),
    ],
)
def test_a_helper_that_fails_is_named(
    folder: Path, script: str, error: type[ImgforgeError]
) -> None:
    helper(folder, script)
    configure(folder, {"credsStore": "test"})
    with pytest.raises(error, match="docker-credential-test") as caught:
        credentials.find(APP)
    assert "s3cret" not in str(caught.value.message)


def test_a_helper_that_is_missing_is_a_missing_tool(folder: Path) -> None:
    configure(folder, {"credsStore": "none-such"})
    with pytest.raises(ToolMissingError, match="docker-credential-none-such"):
        credentials.find(APP)


def test_nothing_secret_is_printed() -> None:
    assert "pw" not in repr(Credentials("me", "pw", "pw"))
