from __future__ import annotations

import json
from typing import Any

import pytest

from imgforge.analysis.facts import Package
from imgforge.analysis.packages import dotnet

PATH = "app/My.App.deps.json"
SHA512 = "sha512-" + "A" * 86 + "=="
HASH = "sha512:" + "00" * 64
TARGET = ".NETCoreApp,Version=v8.0/linux-x64"
DEPS: dict[str, Any] = {
    "runtimeTarget": {"name": TARGET, "signature": ""},
    "targets": {
        ".NETCoreApp,Version=v8.0": {"Wrong/1.0.0": {"runtime": {"x.dll": {}}}},
        TARGET: {
            "My.App/1.0.0": {
                "dependencies": {"Newtonsoft.Json": "13.0.3", "Meta": "1.0.0", "Analyser": "1.0.0"},
                "runtime": {"My.App.dll": {}},
            },
            "Newtonsoft.Json/13.0.3": {"runtime": {"lib/net6.0/Newtonsoft.Json.dll": {}}},
            "Meta/1.0.0": {"dependencies": {"SQLite.Native": "2.1.0"}},
            "SQLite.Native/2.1.0": {"native": {"runtimes/linux-x64/native/libe_sqlite3.so": {}}},
            "Analyser/1.0.0": {"dependencies": {"Analyser.Core": "1.0.0"}},
            "Analyser.Core/1.0.0": {"dependencies": {"Analyser": "1.0.0"}},
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.3": {
                "runtime": {"System.Private.CoreLib.dll": {}},
                "native": {"libcoreclr.so": {}},
            },
        },
    },
    "libraries": {
        "My.App/1.0.0": {"type": "project", "sha512": ""},
        "Newtonsoft.Json/13.0.3": {"type": "package", "sha512": SHA512},
        "Meta/1.0.0": {"type": "package", "sha512": "x"},
        "SQLite.Native/2.1.0": {"type": "Package", "sha512": []},
        "Analyser/1.0.0": {"type": "package"},
        "Analyser.Core/1.0.0": {"type": "package"},
        "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.3": {"type": "runtimepack"},
        "Some.Reference/4.0.0.0": {"type": "reference"},
        "Odd/1": [],
    },
}


def test_what_an_application_was_built_of() -> None:
    assert dotnet.wants(PATH, "My.App.deps.json")
    assert not dotnet.wants("app/package.json", "package.json")
    found = dotnet.read(PATH, json.dumps(DEPS).encode())
    assert found[0] == Package(
        *("nuget", "Newtonsoft.Json", "13.0.3", "", "", "", (PATH,)), hashes=(HASH,)
    )
    assert [(p.name, p.version, p.dev) for p in found[1:]] == [
        ("Meta", "1.0.0", False),
        ("SQLite.Native", "2.1.0", False),
        ("Analyser", "1.0.0", True),
        ("Analyser.Core", "1.0.0", True),
        ("Microsoft.NETCore.App.Runtime.linux-x64", "8.0.3", False),
    ]
    assert found[1].depends == ("SQLite.Native",)


def test_its_files() -> None:
    owners = {c.owner: c.files.split("\n") for c in dotnet.claims(PATH, json.dumps(DEPS).encode())}
    assert owners["nuget:SQLite.Native"] == [
        "app/runtimes/linux-x64/native/libe_sqlite3.so",
        "app/libe_sqlite3.so",
    ]
    runtime = owners["nuget:Microsoft.NETCore.App.Runtime.linux-x64"]
    assert "app/libcoreclr.so" in runtime
    assert "nuget:Wrong" not in owners


def test_the_runtime_itself_is_not_for_development() -> None:
    path = "usr/share/dotnet/shared/Microsoft.NETCore.App/3.1.23/Microsoft.NETCore.App.deps.json"
    value = {
        "runtimeTarget": TARGET,
        "targets": {TARGET: {"Microsoft.NETCore.App/3.1.23": {}, "Other/1": {}}},
        "libraries": {
            "Microsoft.NETCore.App/3.1.23": {"type": "package"},
            "Other/1": {"type": "package"},
        },
    }
    found = dotnet.read(path, json.dumps(value).encode())
    assert [(p.name, p.dev) for p in found] == [("Microsoft.NETCore.App", False), ("Other", True)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "JSON object"),
        ({"libraries": {"a": {"type": "package"}}}, "no name and version"),
        ({"libraries": {"a b/1": {"type": "package"}}}, "no name and version"),
    ],
)
def test_unreadable(value: Any, said: str) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(ValueError, match=said):
        dotnet.read(PATH, json.dumps(value).encode())


@pytest.mark.parametrize("targets", [3, [], {TARGET: 3}, {TARGET: {"a/1": {"dependencies": [1]}}}])
def test_types_that_are_none(targets: Any) -> None:  # noqa: ANN401 - any JSON
    value = {"targets": targets, "libraries": {"a/1": {"type": "package"}}, "runtimeTarget": [1]}
    (found,) = dotnet.read(PATH, json.dumps(value).encode())
    assert (found.name, found.depends) == ("a", ())
    assert dotnet.claims(PATH, json.dumps(value).encode()) == []
