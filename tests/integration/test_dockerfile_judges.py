"""Our rules beside hadolint's and Trivy's: where theirs about security fire, ours do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

import pytest
from running import ROOT, run, tool

from imgforge.checks.dockerfile import RULES, judge
from imgforge.checks.finding import Finding, Severity
from imgforge.dockerfile import hadolint
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.policy import Policy

BASE = f"FROM debian:13@sha256:{'a' * 64}"
FAULTS = {
    "root": "USER root\nCMD a",
    "name": "USER app",
    "sudo": "RUN sudo a",
    "argument": "ARG MY_PASSWORD\nENV API_TOKEN=q1w2e3r4t5",
    "workdir": "WORKDIR app\nUSER 5",
    "kernel": "WORKDIR /proc/self/fd/8",
    "apt": "RUN apt-get update && apt-get install -y curl\nRUN apt-get update",
    "upgrade": "RUN apt-get dist-upgrade -y\nRUN apk upgrade\nRUN yum -y update\nRUN dnf -y update",
    "suse": "RUN zypper install -y a\nRUN zypper -n dist-upgrade",
    "rpm": "RUN yum install -y httpd\nRUN dnf install -y httpd\nRUN microdnf install -y httpd",
    "apk": "RUN apk add curl\nRUN apk update",
    "pip": "RUN pip install flask\nRUN python3 -m pip install 'a'",
    "npm": "RUN npm install -g express\nRUN npm install express@latest",
    "gem": "RUN gem install bundler",
    "go": "RUN go install example.org/a@latest",
    "add": "ADD a b\nADD https://example.org/a b",
    "ports": "EXPOSE 80000\nEXPOSE 22",
    "commands": "CMD a\nCMD b\nENTRYPOINT a\nENTRYPOINT b",
    "health": "HEALTHCHECK CMD a\nHEALTHCHECK CMD b\nCMD c",
    "pipe": "RUN wget -O- https://example.org | tar x",
    "copied": "COPY --from=alpine a b",
}
WHOLE = {
    "untagged": "FROM debian\nFROM debian:latest\nUSER 5\n",
    "names": "FROM debian:13 AS x\nRUN a\nFROM x AS x\nUSER 5\n",
    "broken": f"{BASE}\nRUNN a\n",
    "itself": f"{BASE} AS x\nCOPY --from=x a b\n",
    "argument": "ARG T=latest\nFROM debian:$T\nUSER 5\n",
    "folded": f"{BASE}\nRUN true && \\\n  # why\n  sudo \\\n  a\n",
}
GOOD = {
    "static": f"""\
{BASE} AS build
WORKDIR /src
COPY go.mod go.sum main.go ./
RUN go build -o /app .
FROM scratch
COPY --from=build /app /app
USER 65532:65532
HEALTHCHECK CMD ["/app", "health"]
ENTRYPOINT ["/app"]
""",
    "debian": f"""\
{BASE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \\
    && apt-get install -y --no-install-recommends curl=8.14.1-2 \\
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY src/ /app/
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
USER 65532:65532
EXPOSE 8080
HEALTHCHECK CMD ["curl", "-f", "http://localhost:8080/"]
CMD ["python3", "-m", "app"]
""",
}

STYLE = {
    "DL1000": "cannot read what BuildKit builds",
    "DL3001": "programs that make no sense in a container",
    "DL3014": "apt-get without -y",
    "DL3015": "recommended packages",
    "DL3021": "a destination without slash",
    "DL3027": "apt instead of apt-get",
    "DL3030": "yum without -y",
    "DL3034": "zypper without -y",
    "DL3038": "dnf without -y",
    "DL3045": "a relative destination",
    "DL3047": "wget without a progress bar",
    "DL3059": "several RUN in a row",
    "DS-0013": "RUN cd",
    "DS-0014": "wget and curl",
    "DS-0021": "apt-get without -y",
    "DS-0029": "recommended packages",
}
"""Their rules that are about style or correctness and stay theirs."""

EXCEPTIONS = {
    ("fault-root", "DL3066"): "that root is a name is the lesser fault",
    ("fault-upgrade", "DS-0017"): "an upgrade is no update alone",
}
"""What they say that we deliberately do not; a file that cannot be built we say no more of."""

SILENT = {
    "DL3005": "hadolint 2.15 has it no more",
    "DL3017": "hadolint 2.15 has it no more",
    "DL3026": "it wants a list of registries",
    "DL3031": "hadolint 2.15 has it no more",
    "DL3039": "hadolint 2.15 has it no more",
    "DS-0024": "Trivy 0.76 has it no more",
    "DL3057": "hadolint 2.15 has it turned off",
}
"""Rules that ours refer to and that no file can make fire."""


class Said(NamedTuple):
    name: str
    code: str
    line: int


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("dockerfiles")
    files = {**{f"fault-{n}": f"{BASE}\n{t}\n" for n, t in FAULTS.items()}}
    files |= {f"whole-{n}": t for n, t in WHOLE.items()} | {f"good-{n}": t for n, t in GOOD.items()}
    for name, text in files.items():
        (place / name).mkdir()
        (place / name / "Dockerfile").write_text(text)
    return place


@pytest.fixture(scope="module")
def theirs(folder: Path) -> list[Said]:
    """What hadolint and Trivy say of every file."""
    files = sorted(folder.glob("*/Dockerfile"))
    out = run(tool("hadolint"), "--no-fail", "--format", "json", *files).stdout
    said = [Said(Path(i["file"]).parent.name, i["code"], i["line"]) for i in json.loads(out)]
    trivy = run(
        *(tool("trivy"), "config", "--quiet", "--format", "json", "--skip-check-update"),
        *("--cache-dir", folder.parent / "trivy", folder),
    )
    for result in json.loads(trivy.stdout)["Results"]:
        name = Path(result["Target"]).parent.name
        said += [
            Said(name, found["ID"], found["CauseMetadata"].get("StartLine", 0))
            for found in result.get("Misconfigurations", [])
        ]
    return said


def ours(folder: Path, name: str) -> list[Finding]:
    return judge((folder / name / "Dockerfile").read_bytes(), name, Policy())


def references(tool_name: str) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}
    for rule in RULES:
        for reference in rule.references:
            if reference.startswith(f"{tool_name} "):
                out.setdefault(reference.partition(" ")[2], set()).add(rule.id)
    return out


def test_where_theirs_fire_ours_do(folder: Path, theirs: list[Said]) -> None:
    same = references("hadolint") | references("Trivy")
    missed = []
    for said in theirs:
        found = {finding.check for finding in ours(folder, said.name)}
        if said.code in STYLE or (said.name, said.code) in EXCEPTIONS or "IF100" in found:
            continue
        if not found & same.get(said.code, set()):
            missed.append(said)
    assert not missed, "\n".join(map(str, missed))


def test_the_files_make_every_mapped_rule_of_theirs_fire(theirs: list[Said]) -> None:
    fired = {said.code for said in theirs}
    same = references("hadolint") | references("Trivy")
    silent = set(same) - fired - SILENT.keys()
    assert not silent, " ".join(sorted(silent))
    assert not fired & SILENT.keys()


@pytest.mark.parametrize("name", GOOD)
def test_what_is_good_is_good_to_all(name: str, folder: Path, theirs: list[Said]) -> None:
    assert [f for f in ours(folder, f"good-{name}") if f.severity >= Severity.LOW] == []
    assert [said for said in theirs if said.name == f"good-{name}"] == []


@pytest.fixture
def _with_hadolint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(tool('hadolint')).parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("_with_hadolint")
def test_hadolints_findings_stand_beside_ours_once(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(f"{BASE}\n# hadolint ignore=DL3027\nRUN true && \\\n  sudo a $B && apt list\n")
    (tmp_path / ".hadolint.yaml").write_text("ignored: [DL3027, SC2086]\n")
    mine = judge(path.read_bytes(), str(path), Policy())
    found = hadolint.run(path)
    assert {"DL3004", "DL3027", "SC2086"} <= {finding.check for finding in found}
    both = hadolint.merged(mine, found, RULES, path.read_bytes())
    checks = [finding.check for finding in both]
    assert "DL3004" not in checks
    assert {"IF103", "DL3027", "SC2086"} <= set(checks)
    assert all(finding.line and finding.path == str(path) for finding in both)


@pytest.mark.usefixtures("_with_hadolint")
def test_hadolint_on_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildFailedError):
        hadolint.run(tmp_path / "nothing")


def test_without_hadolint_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not hadolint.installed()
    with pytest.raises(ToolMissingError):
        hadolint.run(ROOT / "bench" / "Dockerfile")
