from __future__ import annotations

import json

import jsonschema
import pytest

from imgforge import spec
from imgforge.errors import InvalidInputError

GOOD = """\
[image]
name = "acme/web"

[stack]
name = "python"

[app]
source = ["web"]
entrypoint = ["/usr/bin/python3", "-m", "web"]
"""


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        spec.parse(text.encode())
    assert caught.value.exit_code == 2
    return list(caught.value.details)


def with_line(table: str, line: str) -> str:
    if f"[{table}]" in GOOD:
        return GOOD.replace(f"[{table}]\n", f"[{table}]\n{line}\n")
    return f"{GOOD}\n[{table}]\n{line}\n"


def test_the_least_spec_is_accepted_with_its_defaults() -> None:
    parsed = spec.parse(GOOD.encode())
    assert parsed.image.tags == ["latest"]
    assert parsed.run.user == "65532:65532"
    assert [str(p) for p in parsed.platforms] == ["linux/amd64"]


@pytest.mark.parametrize(
    ("table", "line", "place", "words"),
    [
        ("image", 'tagz = ["1"]', "imgforge.toml:2: image.tagz", "unknown key"),
        ("image", 'tags = "1"', "image.tags", "list"),
        ("image", 'tags = [""]', "image.tags[0]", "not a tag"),
        ("image", 'platforms = ["windows/amd64"]', "image.platforms[0]", "not a platform"),
        ("image", 'title = "a\\nb"', "image.title", "control character"),
        ("stack", "version = 3.13", "stack.version", "string"),
        ("stack", 'base = "registry.example/x"', "stack.base", "neither tag nor digest"),
        ("stack", 'base = "library/debian:13"', "stack.base", "names no registry"),
        ("stack", 'base = "debian:13"', "stack.base", "names no registry"),
        ("stack", 'base = "registry.example/X:1"', "stack.base", "neither a base's name nor"),
        ("stack", 'base = "registry.example/x@sha256:12"', "stack.base", "neither a base's name"),
        ("stack", 'packages = ["a b"]', "stack.packages[0]", "package name"),
        ("stack", "parameters = { x = 1.5 }", "stack.parameters.x", "wrong type"),
        ("app", 'lock = "/etc/passwd"', "app.lock", "relative path"),
        ("app", 'lock = "a b.txt"', "app.lock", "space"),
        ("app", 'exclude = ["../x"]', "app.exclude[0]", "pattern"),
        ("app", 'stop-signal = "TERM"', "app.stop-signal", "not a signal"),
        ("app", "ports = [70000]", "app.ports[0]", "not a port"),
        ("app", "ports = [true]", "app.ports[0]", "wrong type"),
        ("run", 'user = "0"', "run.user", "is root"),
        ("run", 'user = "000:5"', "run.user", "is root"),
        ("run", 'user = "5:0"', "run.user", "is root"),
        ("run", 'user = "root"', "run.user", "not numeric"),
        ("run", 'user = "99999999999"', "run.user", "not numeric"),
        ("run", 'writable = ["data"]', "run.writable[0]", "absolute"),
        ("run", 'writable = ["/data/../etc"]', "run.writable[0]", "absolute"),
        ("run", 'writable = ["/usr/lib/x"]', "run.writable[0]", "system"),
        ("run", 'writable = ["/app/cache"]', "run.writable[0]", "read-only"),
        ("run", 'tools = ["telnet"]', "run.tools[0]", "shell"),
        ("run", 'secrets = ["../x"]', "run.secrets[0]", "secret's name"),
        ("env", 'LD_PRELOAD = "/x.so"', "env.LD_PRELOAD", "loaded"),
        ("env", '"A-B" = "x"', "env.A-B", "environment variable"),
        ("env", "PORT = 8080", "env.PORT", "string"),
        ("env", 'X = "\\u0000"', "env.X", "control character"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    table: str, line: str, place: str, words: str
) -> None:
    found = problems(with_line(table, line))
    assert any(place in text and words in text for text in found), found


@pytest.mark.parametrize(
    "base",
    [
        "python-3.13",
        "cc-bookworm",
        "docker.io/library/debian:trixie-slim",
        "localhost:5000/team/base:Tag_1",
        "registry.example/base@sha256:" + "0" * 64,
        "registry.example/team/base:1@sha256:" + "0" * 64,
    ],
)
def test_a_base_is_a_name_or_a_reference(base: str) -> None:
    found = spec.parse(with_line("stack", f'base = "{base}"').encode())
    assert found.stack.base == base


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "~/x", "a*", "C:/x", "$X"])
def test_a_source_outside_the_project_or_with_special_characters_is_refused(path: str) -> None:
    text = GOOD.replace('["web"]', json.dumps([path]))
    assert any("app.source[0]" in line for line in problems(text))


def test_a_relative_entry_point_is_refused() -> None:
    found = problems(GOOD.replace("/usr/bin/python3", "python3"))
    assert "absolute" in found[0]
    assert "hint" in found[0]


@pytest.mark.parametrize(
    "line",
    [
        'DB_PASSWORD = "hunter2horse"',
        'AWS = "AKIA4HJ7K3LMNPQRSTUV"',
        'URL = "postgres://app:s3cr3tpa55@db/app"',
    ],
)
def test_secret_looking_values_are_refused_in_env(line: str) -> None:
    found = problems(with_line("env", line))
    assert any("env." in text and "run] secrets" in text for text in found), found
    assert not any("hunter2horse" in text or "s3cr3tpa55" in text for text in found)


def test_configuration_that_only_speaks_of_secrets_is_accepted() -> None:
    line = 'DB_PASSWORD_FILE = "/run/secrets/db"\nTOKEN_TTL = "3600"\nSECRET_NAME = ""'
    assert spec.parse(with_line("env", line).encode()).env["TOKEN_TTL"] == "3600"


def test_all_problems_are_listed_at_once_in_the_order_of_their_lines() -> None:
    text = with_line("image", 'oops = 1\ntags = [""]') + "\n[run]\nuser = 'root'\n"
    found = problems(text)
    assert [line.split(":")[1] for line in found] == ["2", "3", "14"]


def test_a_misspelt_key_is_answered_with_the_right_one() -> None:
    assert any(
        "did you mean 'entrypoint'" in line for line in problems(with_line("app", "entrypont = 1"))
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[image\n", "imgforge.toml:1"),
        (b"\n\nx = 1\nx = 2\n", "imgforge.toml:4"),
        (b"a = '\xff'\n", "not UTF-8"),
        (b"x = " + b"[" * 2000, "imgforge.toml"),
    ],
)
def test_malformed_toml_is_one_error_with_its_line(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        spec.parse(data)
    assert words in caught.value.message


def test_the_schema_accepts_what_the_parser_accepts_and_is_itself_valid() -> None:
    import tomllib

    schema = spec.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(GOOD), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**tomllib.loads(GOOD), "extra": 1}, schema)


def test_empty_entrypoint_is_told_as_any_other_mistake() -> None:
    text = (
        b'[image]\nname = "x"\n[stack]\nname = "binary"\n[app]\nsource = ["x"]\nentrypoint = []\n'
    )
    with pytest.raises(InvalidInputError) as caught:
        spec.parse(text)
    assert "app.entrypoint" in caught.value.details[0]
