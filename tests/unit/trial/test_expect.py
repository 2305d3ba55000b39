"""expect.toml: read strictly, every complaint at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.errors import BuildFailedError, InvalidInputError
from imgforge.trial import expect

EXAMPLES = Path(__file__).parents[3] / "examples"


def write(folder: Path, text: str) -> Path:
    (folder / "expect.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("example", sorted(p.parent.name for p in EXAMPLES.glob("*/expect.toml")))
def test_those_of_the_examples_are_valid(example: str) -> None:
    found = expect.read(EXAMPLES / example)
    assert found.serves or found.runs


def test_a_server(tmp_path: Path) -> None:
    text = (
        'port = 1\nlog = "up"\n[[probes]]\nmethod = "POST"\npath = "/"\njson = [1]\nstatus = 200\n'
    )
    found = expect.read(write(tmp_path, text))
    assert found.serves
    assert found.probes[0].document == [1]


def test_a_program_that_ends(tmp_path: Path) -> None:
    found = expect.read(write(tmp_path, '[[runs]]\narguments = ["a"]\nexit = 3\n'))
    assert not found.serves
    assert found.runs[0].exit == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1: (top level): expects nothing"),
        ("port = 1\nprobe = 1\n", "2: probe: unknown key"),
        ('log = "("\n', "1: log: '(' is not a regular expression"),
        ('log = "x"\n[[probes]]\npath = "/"\nstatus = 200\n', "2: probes: need a port"),
        ('log = "x"\nengines = ["podman"]\n', "2: engines[0]: 'podman' is not an engine"),
        ('port = 1\n[[probes]]\npath = "x"\nstatus = 200\n', "3: probes[0].path: "),
        (
            'port = 1\n[[probes]]\npath = "/"\nstatus = 200\njson = 1\ntext = ""\n',
            "2: probes[0]: has two bodies",
        ),
        ('[[runs]]\nexit = "0"\n', "2: runs[0].exit: "),
        ('log = "x"\n[secrets]\n"../x" = ""\n', "3: secrets."),
    ],
)
def test_what_is_wrong_is_told_at_its_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        expect.read(write(tmp_path, text))
    assert any(
        detail.partition("expect.toml:")[2].startswith(line) for detail in caught.value.details
    ), caught.value.details


def test_without_a_file_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"expect\.toml"):
        expect.read(tmp_path)


def test_prepares_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path, 'log = "x"\nprepare = ["./make.sh", "made"]\n')
    script = tmp_path / "make.sh"
    script.write_text('#!/bin/sh\ntouch "$1"\n', encoding="utf-8")
    script.chmod(0o755)
    expect.prepare(expect.read(tmp_path), tmp_path)
    assert (tmp_path / "made").is_file()


def test_a_failing_preparation_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, 'log = "x"\nprepare = ["false"]\n')
    with pytest.raises(BuildFailedError, match="exit code 1"):
        expect.prepare(expect.read(tmp_path), tmp_path)


def test_a_missing_preparation_is_named(tmp_path: Path) -> None:
    write(tmp_path, 'log = "x"\nprepare = ["./none.sh"]\n')
    with pytest.raises(InvalidInputError, match=r"there is no \./none\.sh"):
        expect.prepare(expect.read(tmp_path), tmp_path)
