from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgforge import settings
from imgforge.errors import InvalidInputError
from imgforge.fields import Table
from imgforge.settings import catalog, tables

FILE = """\
bases = ["bases", "/opt/bases", "~/bases"]
[debian]
mirror = "https://mirror.test/debian/"
keyring = "keys/debian.gpg"
check-valid-until = false
[registry]
mirrors = {"docker.io" = "registry.test:5000/hub"}
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose configuration directory is empty."""
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def written(home: dict[str, str], text: str) -> Path:
    path = Path(home["XDG_CONFIG_HOME"]) / "imgforge" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_without_a_file_everything_is_as_it_is_documented(home: dict[str, str]) -> None:
    assert settings.load(home) == settings.Settings()


def test_paths_in_the_file_are_relative_to_it(home: dict[str, str]) -> None:
    folder = written(home, FILE).parent
    found = settings.load(home)
    assert found.bases == [str(folder / "bases"), "/opt/bases", str(Path.home() / "bases")]
    assert found.debian.keyring == str(folder / "keys/debian.gpg")
    assert found.debian.mirror == "https://mirror.test/debian"
    assert found.registry.mirrors == {"docker.io": "registry.test:5000/hub"}


def test_the_environment_wins_key_by_key(home: dict[str, str]) -> None:
    written(home, FILE)
    found = settings.load(
        {
            **home,
            "IMGFORGE_DEBIAN_MIRROR": "http://other.test/",
            "IMGFORGE_DEBIAN_CHECK_VALID_UNTIL": "yes",
            "IMGFORGE_DEBIAN_SNAPSHOT": "",
            "IMGFORGE_UBUNTU_SNAPSHOT": "2026-11-20T00:00:00Z",
            "IMGFORGE_REGISTRY_MIRRORS": "gcr.io=mirror.test/gcr, quay.io=mirror.test",
            "IMGFORGE_PROXY": "http://proxy.test:3128",
            "IMGFORGE_BASES": "one:/two",
        }
    )
    assert found.debian.mirror == "http://other.test"
    assert found.debian.check_valid_until
    assert found.debian.snapshot is None
    assert found.debian.keyring, "what the environment does not name stays the file's"
    assert found.ubuntu.snapshot == "2026-11-20T00:00:00Z"
    assert found.registry.mirrors == {"gcr.io": "mirror.test/gcr", "quay.io": "mirror.test"}
    assert found.network.proxy == "http://proxy.test:3128"
    assert found.bases == ["one", "/two"]


def test_the_file_that_is_named_is_the_only_one(home: dict[str, str], tmp_path: Path) -> None:
    written(home, FILE)
    other = tmp_path / "other.toml"
    other.write_text('[network]\nproxy = "http://proxy.test"\n')
    found = settings.load({**home, "IMGFORGE_CONFIG": str(other)})
    assert found.debian.mirror is None
    assert found.network.proxy == "http://proxy.test"
    with pytest.raises(InvalidInputError, match="IMGFORGE_CONFIG names"):
        settings.load({**home, "IMGFORGE_CONFIG": str(tmp_path / "none.toml")})


def test_every_mistake_in_the_file_is_listed_with_its_line(home: dict[str, str]) -> None:
    path = written(
        home,
        '[debian]\nmirror = "ftp://x"\nsnapshot = "yesterday"\nmiror = "x"\n[other]\n'
        '[registry]\nmirrors = {"docker.io" = "https://x"}\n',
    )
    with pytest.raises(InvalidInputError) as caught:
        settings.load(home)
    lines = [line.splitlines()[0] for line in caught.value.details]
    assert [line.removeprefix(f"{path}:").partition(":")[0] for line in lines] == list("23457")


def test_every_mistake_in_the_environment_is_named_by_its_variable(home: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="the environment is not valid") as caught:
        settings.load(
            {
                **home,
                "IMGFORGE_DEBIAN_MIRROR": "http://user:secret@",
                "IMGFORGE_UBUNTU_CHECK_VALID_UNTIL": "perhaps",
                "IMGFORGE_UBUNTU_SNAPSHOT": "2026-13-01",
                "IMGFORGE_REGISTRY_MIRRORS": "docker.io",
                "IMGFORGE_REGISTRY_TLS": "r.io=,,key.pem",
                "IMGFORGE_INSECURE_REGISTRIES": "http://r.io",
                "IMGFORGE_PROXY": "socks5://x",
            }
        )
    named = sorted(line.partition(":")[0] for line in caught.value.details)
    assert named == [
        "IMGFORGE_DEBIAN_MIRROR",
        "IMGFORGE_INSECURE_REGISTRIES",
        "IMGFORGE_PROXY",
        "IMGFORGE_REGISTRY_MIRRORS",
        "IMGFORGE_REGISTRY_TLS",
        "IMGFORGE_UBUNTU_CHECK_VALID_UNTIL",
        "IMGFORGE_UBUNTU_SNAPSHOT",
    ]
    assert "secret" not in str(caught.value.details)


def test_every_key_has_a_variable_but_what_decides_trust_has_none() -> None:
    named = settings.variables.names()
    assert not any(place[0] in {"policy", "catalogs"} for place in named)
    for table, about in settings.Settings.model_fields.items():
        if table in {"policy", "catalogs"}:  # a list of tables is no text
            continue
        assert not set(places((table,), about.annotation)) - set(named)


def places(place: tuple[str, ...], model: Any) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    """Yield the places of a table's keys, also of tables within."""
    fields = getattr(model, "model_fields", None)
    if fields is None:
        yield place
    for key, about in (fields or {}).items():
        yield from places((*place, key.replace("_", "-")), about.annotation)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("2026-11-20T01:02:03Z", "2026-11-20T01:02:03+00:00"),
        ("20261120T010203Z", "2026-11-20T01:02:03+00:00"),
        ("2026-11-20T01:02:03+01:00", "2026-11-20T00:02:03+00:00"),
    ],
)
def test_moments_are_in_utc(text: str, shown: str) -> None:
    assert settings.moment(text).isoformat() == shown


def test_the_policy_is_pinned(home: dict[str, str]) -> None:
    path = written(home, '[policy]\nfile = "org.toml"\nkey = "org.pub"\n')
    found = settings.load(home).policy
    assert found is not None
    assert found.file == str(path.parent / "org.toml")
    assert found.key == str(path.parent / "org.pub")
    for wrong in (
        'file = "org.toml"',
        'key = "org.pub"',
        'file = "org.toml"\ndigest = "sha256:1"',
        'file = "org.toml"\nkey = "org.pub"\nextra = 1',
    ):
        path.write_text(f"[policy]\n{wrong}\n")
        with pytest.raises(InvalidInputError, match="not valid"):
            settings.load(home)


def test_a_home_that_does_not_exist_is_said(home: dict[str, str]) -> None:
    written(home, 'bases = ["~nobody-of-that-name/x"]\n')
    with pytest.raises(InvalidInputError, match="no such home"):
        settings.load(home)


def test_catalogs_are_anchored_in_their_files_folder(home: dict[str, str]) -> None:
    path = Path(home["XDG_CONFIG_HOME"]) / "imgforge" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '[[catalogs]]\nname = "ours"\ndirectory = "stacks"\n'
        '[[catalogs]]\nname = "theirs"\nregistry = "registry.example/stacks"\n'
        'stacks = ["web"]\nkey = "theirs.pub"\n'
        '[[catalogs]]\nname = "third"\ngit = "https://git.example/stacks.git"\nstacks = ["web"]\n'
    )
    ours, theirs, third = settings.load(home).catalogs
    assert (ours.source, ours.directory) == ("directory", str(path.parent / "stacks"))
    assert (theirs.source, theirs.key) == ("registry", str(path.parent / "theirs.pub"))
    assert (third.source, third.ref, third.folder) == ("git", "HEAD", ".")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "a"', "needs exactly one of"),
        ('name = "a"\ndirectory = "x"\ngit = "/y"\nstacks = ["z"]', "needs exactly one of"),
        ('name = "imgforge"\ndirectory = "x"', "is the name of imgforge's own"),
        ('name = "a"\nregistry = "r.example/x"\nkey = "k"', "has stacks where it should not"),
        ('name = "a"\ndirectory = "x"\nstacks = ["z"]', "has stacks where it should not"),
        ('name = "a"\nregistry = "r.example/x"\nstacks = ["z"]', "does not say who signs"),
        (
            'name = "a"\nregistry = "r.example/x"\nstacks = ["z"]\nkey = "k"\nidentity = "i"',
            "does not say who signs",
        ),
        (
            'name = "a"\nregistry = "r.example/x"\nstacks = ["z"]\nidentity = "i"',
            "needs identity and issuer together",
        ),
        ('name = "a"\ngit = "/y"\nstacks = ["z"]\nkey = "k"', "only a registry's stacks"),
        ('name = "a"\ngit = "ext::sh -c id"\nstacks = ["z"]', "is not the address"),
        ('name = "a"\ngit = "--upload-pack=id"\nstacks = ["z"]', "is not the address"),
        ('name = "a"\ngit = "/y"\nref = "-x"\nstacks = ["z"]', "is not a branch or tag"),
        ('name = "a"\ngit = "/y"\nfolder = "../z"\nstacks = ["z"]', "is not a folder"),
        ('name = "a"\ndirectory = "x"\n[[catalogs]]\nname = "a"\ndirectory = "y"', "two catalogs"),
    ],
)
def test_a_catalog_that_cannot_be_trusted_or_found_is_refused(
    home: dict[str, str], text: str, message: str
) -> None:
    path = Path(home["XDG_CONFIG_HOME"]) / "imgforge" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[[catalogs]]\n{text}\n")
    with pytest.raises(InvalidInputError) as caught:
        settings.load(home)
    assert message in "\n".join(caught.value.details)


def _tables() -> list[type[Table]]:
    """Return the tables of the settings' own modules."""
    return [
        found
        for module in (tables, catalog)
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Table) and found is not Table
    ]


@pytest.mark.parametrize("model", _tables())
def test_every_path_is_made_whole(model: type[Table]) -> None:
    """Of an organisation's policy by a rule of its own: ``~`` is no home directory there."""
    named = {name for name, said in model.__annotations__.items() if re.search(r"\bFile\b", said)}
    own = set(getattr(model, "PATHS", ())) & set(model.__annotations__)
    assert (named if model is not tables.Organisation else set()) == own
