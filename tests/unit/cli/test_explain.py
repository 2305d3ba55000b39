from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import madeimage as made
import pytest

from imgforge.checks.profiles import PROFILES
from imgforge.checks.rules import RULES
from imgforge.cli.main import main
from imgforge.oci.layout import Layout

Capture = pytest.CaptureFixture[str]


def test_a_rule_is_explained(capsys: Capture) -> None:
    assert main(["explain", "IF012"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("IF012 (medium): ")
    assert "\x1b" not in out
    assert [line for line in out.splitlines() if line in {"Why", "What to do", "Example"}]


def test_without_a_topic_all_rules_are_listed(capsys: Capture) -> None:
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert all(rule.id in out and rule.title in out for rule in RULES)


def test_groups_and_rules_of_other_tools(capsys: Capture) -> None:
    assert main(["explain", "integrity"]) == 0
    assert capsys.readouterr().out.count("\nWhy\n") >= 6
    assert main(["explain", "DL3002"]) == 0
    assert capsys.readouterr().out.startswith("IF001 ")


@pytest.mark.parametrize("topic", ["ds-0002", "DS002", "AVD-DS-0002"])
def test_trivys_ids_are_known_in_all_their_forms(topic: str, capsys: Capture) -> None:
    assert main(["explain", topic]) == 0
    assert capsys.readouterr().out.startswith("IF001 ")


def test_what_only_hadolint_has_is_explained_there(capsys: Capture) -> None:
    assert main(["explain", "dl3015"]) == 2
    assert "wiki/DL3015" in capsys.readouterr().err


def test_a_reference_leads_to_its_rule(capsys: Capture) -> None:
    assert main(["explain", "CVE-2021-3156"]) == 0
    assert capsys.readouterr().out.startswith("IF034 ")


def test_json(capsys: Capture) -> None:
    assert main(["explain", "--format", "json"]) == 0
    assert [rule["id"] for rule in json.loads(capsys.readouterr().out)] == [r.id for r in RULES]
    assert main(["explain", "IF010", "--format", "json"]) == 0
    [rule] = json.loads(capsys.readouterr().out)
    assert {"profile": "cis", "id": "4.8"}.items() <= rule["practices"][0].items()


@pytest.mark.parametrize("name", PROFILES)
def test_profiles(name: str, capsys: Capture) -> None:
    assert main(["explain", name]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: ")
    assert main(["explain", name, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == name


@pytest.mark.parametrize(
    ("topic", "near"),
    [("IF01o", "IF010"), ("credental", "credentials"), ("cisx", "cis"), ("if30", "IF030")],
)
def test_what_is_unknown_is_answered_with_the_nearest(
    topic: str, near: str, capsys: Capture
) -> None:
    assert main(["explain", topic]) == 2
    captured = capsys.readouterr()
    assert near in captured.err.split("did you mean ")[1]
    assert captured.out == ""


def test_what_is_like_nothing_gets_the_list(capsys: Capture) -> None:
    assert main(["explain", "\x1b[31m"]) == 2
    err = capsys.readouterr().err
    assert "imgforge explain lists all rules" in err
    assert "\x1b" not in err


def test_a_shell_completes_topics(capsys: Capture) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    script += "\nCOMP_WORDS=(imgforge explain IF01); COMP_CWORD=2; _shtab_imgforge"
    script += '\necho "${COMPREPLY[@]}"'
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "--norc"], input=script, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [r.id for r in RULES if r.id.startswith("IF01")]


def test_schemas(capsys: Capture) -> None:
    assert main(["schema"]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert "image" in spec["properties"]
    assert main(["schema", "--of", "findings"]) == 0
    assert "subjects" in json.loads(capsys.readouterr().out)["properties"]


def test_what_check_prints_is_what_the_schema_says(tmp_path: Path, capsys: Capture) -> None:
    layout = Layout.create(tmp_path / "layout")
    members = [made.folder("usr/bin"), made.file("usr/bin/su", b"x", 0o4755)]
    image = made.add(layout, [made.tar(*members)], config={"User": "1000:1000"})
    layout.write_index([image])
    assert main(["check", str(layout.path), "--format", "json"]) == 10
    value = json.loads(capsys.readouterr().out)
    main(["schema", "--of", "findings"])
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema).validate(value)
    [subject] = value["subjects"]
    assert (subject["digest"], value["passed"]) == (image.digest, False)
    [found] = [f for f in subject["findings"] if f["check"] == "IF010"]
    assert found["sites"][0]["final"] is True
