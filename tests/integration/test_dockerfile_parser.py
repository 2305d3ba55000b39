"""What we read in a Dockerfile, compared with what BuildKit builds from it.

All stages begin with ``scratch`` and run nothing, so that no registry is asked; what a RUN says is
read by the same code as CMD.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from running import tool

from imgforge.dockerfile import Dockerfile, Step, parse
from imgforge.errors import InvalidInputError

GOOD: dict[str, bytes] = {
    "plain": b"FROM scratch\nENV A=1\n",
    "lower case": b"from scratch as A\nenv a b  c \nuser 5\n",
    "byte order mark": b"\xef\xbb\xbf# escape=`\nFROM scratch\nENV A=`\n1\n",
    "carriage returns": b"# escape=`\r\nFROM scratch\r\nENV A=1 `\r\n  B=2\r\nUSER x\r\n",
    "no last newline": b"FROM scratch\nENV A=1",
    "continuation": b"FROM scratch\nENV A=1 \\\n# comment\n  # another\n\n   \n B=2 \\  \n C=3\n",
    "continuation into the end": b"FROM scratch\nENV A=1 \\\n",
    "escaped escape": b"FROM scratch\nENV A=1\\\\\nENV B=2\n",
    "directive too late": b"# a comment\n# escape=`\nFROM scratch\nENV A=1 \\\n B=2\n",
    "directive after a blank": b"\n# escape=`\nFROM scratch\nENV A=1 \\\n B=2\n",
    "directive with spaces": b"#   Escape   =   `  \nFROM scratch\nENV A=1 `\n B=2\n",
    "backtick escapes": b'# escape=`\nFROM scratch\nENV A="x`"y" B=C:\\d`$A C=`$A D=\'`x\'\n',
    "quotes": b"FROM scratch\n"
 b"ENV A=\"a b\" B='c $A' C=d\\ e D=\"f\\\"g\\h\" E=x'y'\"z\" F=\"\" G=\n",
    "env legacy": b'FROM scratch\nENV A  b "c d"  e=f \nENV B $A\n',
    "env in one instruction": b"FROM scratch\nENV A=1\nENV A=2 B=$A\nENV C=$A$B\n",
    "default": b"FROM scratch\nARG E=\n"
 b'ENV A=${X:-a} B=${X-b} C=${E:-c} D=${E-d} F="${X:-${Y:-f g}}"\n',
    "alternative": b"FROM scratch\nENV E= V=v\nENV A=${V:+a} B=${E:+b} C=${E+c} D=${X+d}\n",
    "required": b"FROM scratch\nENV V=v E=\nENV A=${V:?no} B=${E?no}\n",
    "prefix and suffix": (
        b"FROM scratch\nENV V=foo.bar.tar.gz S=a*b\n"
        b"ENV A=${V%.*} B=${V%%.*} C=${V#*.} D=${V##*.} E=${V#x} F=${S%\\*b} G=${V%?z} H=${V##}\n"
    ),
    "replace": (
        b"FROM scratch\nENV V=a/b/c/b\n"
        b"ENV A=${V/b/X} B=${V//b/X} C=${V/\\//-} D=${V//\\//} E=${V/*b/z} F=${V/q/z}\n"
    ),
    "dollars": b"FROM scratch\nENV A=a$ B=$$ C=$1x D=\\$A E=${A}b F=$A-b G=\"$ x\" H='$A' I=$?\n",
    "unset": b"FROM scratch\nENV A=a${X}b$Y\nUSER u$X\n",
    "global arguments": b"ARG A=1\nARG B=${A}2\nARG C\n"
 b"FROM scratch\nARG A\nARG B=x\nARG C\nENV D=$A-$B-$C\n",
    "argument of a stage": b"FROM scratch AS a\nARG V=1\nENV A=$V\nFROM a\n"
 b"ENV B=$V\nFROM scratch\nENV C=$V\n",
    "inherited argument": b"FROM scratch AS a\nARG V=1\nENV A=$V\nFROM a\nENV B=${V}2\n",
    "several arguments": b'FROM scratch\nARG A=1 B="2 3" C\nENV D=$A$B$C\n',
    "argument over env": b"FROM scratch\nENV V=env\nARG V=arg\nENV A=$V\n",
    "platform arguments": b"FROM scratch\nARG TARGETOS\nENV A=$TARGETOS B=$TARGETARCH\n",
    "base by argument": b"ARG B=scr\nFROM ${B}atch AS x\nENV A=1\nFROM x\nENV B=2\n",
    "stage names": b"FROM scratch AS One\nENV A=1\nFROM one AS two.x-y_z\n"
 b"ENV B=2\nFROM two.x-y_z\nUSER 3\n",
    "same name twice": b"FROM scratch AS a\nENV A=1\nFROM a AS a\nENV B=2\nFROM a\nENV C=3\n",
    "platform": b"FROM --platform=$TARGETPLATFORM scratch\nENV A=1\n",
    "json and not": (
        b'FROM scratch\nENTRYPOINT [ "a" , "b c" , "\\u0064\\n" ]\nCMD ["x", \'y\']\n'
    ),
    "json with a tail": b'FROM scratch\nCMD ["x"] && y\n',
    "json over lines": b'FROM scratch\nCMD ["x", \\\n  "y"]\n',
    "shell form": b'FROM scratch\nSHELL ["/bin/x", "-y"]\n'
 b"CMD  echo   $A  'b' \\\n  c\nENTRYPOINT a\n",
    "empty command": b'FROM scratch\nENTRYPOINT ["a"]\nCMD []\n',
    "ports": b"FROM scratch\nARG P=9\nEXPOSE 80/tcp 443 $P 53/udp\n",
    "volumes": b'FROM scratch\nENV D=/d\nVOLUME /a "/b" $D/e\nVOLUME ["/x y", "$D"]\n',
    "user": b'FROM scratch\nARG U=5\nUSER ${U}:"6"\n',
    "work folders": b'FROM scratch\nWORKDIR /a\nWORKDIR b/../c\nWORKDIR "$X/d e"\n',
    "labels": b"FROM scratch\nENV V=1\nLABEL a.b=\"$V x\" 'c d'='$V' e=f\\ g\nLABEL h i j\n",
    "stop signal": b"FROM scratch\nARG S=TERM\nSTOPSIGNAL SIG$S\n",
    "health": b'FROM scratch\nHEALTHCHECK --interval=1m30s --retries=2 CMD ["a", "b"]\n',
    "health in a shell": b"FROM scratch\nHEALTHCHECK   CMD  a  b | c\n",
    "no health": b"FROM scratch\nHEALTHCHECK NONE\n",
    "heredocs": (
        b"FROM scratch\nENV V=1\nCOPY <<A <<-'B' /x/\n$V ${V:-2} \"q\"\nA\n\tb $V\n\tB\nUSER 4\n"
    ),
    "heredoc of no comment": b"FROM scratch\nCOPY <<A /x\n# no \\\nUSER 0\nA\nUSER 4\n",
    "heredoc quoted": b'FROM scratch\nCOPY <<"EF" /x\n$V\nEF\nUSER 4\n',
    "no heredoc": b'FROM scratch\nENV A=<<EOF\nLABEL x="<<EOF"\nCMD a <<EOF\nUSER 4\n',
    "onbuild": b"FROM scratch\nONBUILD RUN a \\\n  b\nONBUILD COPY x /y\nUSER 4\n",
    "flags": b"FROM scratch\nARG U=5\nCOPY --chown=$U:6 --link <<A /x\nA\n"
 b"ADD --chmod=0644 <<A /y\na\nA\n",
    "copy from": b"FROM scratch AS a\nCOPY <<A /x\nA\n"
 b"FROM scratch\nCOPY --from=0 /x /y\nCOPY --from=A /x /z\n",
    "unused stage": b"FROM scratch AS a\nUSER ${X:?never}\nFROM scratch\nUSER 4\n",
    "path of scratch": b"FROM scratch\nENV PATH=$PATH:/x A=$PATH\n",
    "unicode": 'FROM scratch\nENV A=\u00e4\u20ac B="\u2028 x"\nLABEL \u00f6=\u00fc\n'.encode(),
    "odd spaces": b"\t FROM\tscratch\n \t ENV\tA=1\t B=2 \nUSER \t 4 \n",
    "comment in an argument": b"FROM scratch\nENV A=1#2 B=#3\n  # comment\nCMD a # b\n",
}  # fmt: skip

BAD: dict[str, bytes] = {
    "nothing": b"",
    "only comments": b"# a\n\n# b\n",
    "no stage": b"ARG A=1\n",
    "before the first stage": b"USER 1\nFROM scratch\n",
    "unknown instruction": b"FROM scratch\nENV A=1\nRUNN x\n",
    "unknown escape": b"# escape=x\nFROM scratch\n",
    "directive twice": b"# escape=`\n# escape=`\nFROM scratch\n",
    "env without value": b"FROM scratch\nENV A\n",
    "env mixture": b"FROM scratch\nENV A=1 B\n",
    "env without name": b"FROM scratch\nENV =1\n",
    "open quote": b'FROM scratch\nENV A="1\n',
    "open brace": b"FROM scratch\nENV A=${B\n",
    "bad substitution": b"FROM scratch\nENV A=${}\n",
    "unknown modifier": b"FROM scratch\nENV A=${B^x}\n",
    "colon and pattern": b"FROM scratch\nENV B=1\nENV A=${B:#x}\n",
    "required": b"FROM scratch\nENV A=${B:?it is needed}\n",
    "required in a parent": b"FROM scratch AS a\nENV A=${B?}\nFROM a\nUSER 1\n",
    "blank base": b"ARG B\nFROM ${B}\n",
    "too many words": b"FROM scratch AS\n",
    "stage name": b"FROM scratch AS 1a\n",
    "no reference": b"FROM Scratch\n",
    "no platform": b"FROM --platform=$X scratch\n",
    "strange platform": b"FROM --platform=a/b/c/d scratch\n",
    "unknown flag": b"FROM scratch\nCOPY --nope=1 a b\n",
    "flag without value": b"FROM scratch\nCOPY --chown a b\n",
    "flag twice": b"FROM scratch\nCOPY --chown=1 --chown=2 a b\n",
    "flag not boolean": b"FROM scratch\nCOPY --link=maybe a b\n",
    "copy of nothing": b"FROM scratch\nCOPY a\n",
    "copy into a heredoc": b"FROM scratch\nCOPY a <<B\nB\n",
    "copy from a variable": b"ARG A=x\nFROM scratch\nCOPY --from=$A a b\n",
    "copy from no stage": b"FROM scratch\nCOPY --from=7 a b\n",
    "copy from itself": b"FROM scratch AS a\nCOPY --from=a a b\n",
    "copy from later": b"FROM scratch AS a\nCOPY --from=b a b\nFROM scratch AS b\nUSER 1\nFROM a\n",
    "circle": b"FROM scratch AS a\nCOPY --from=b x y\nFROM scratch AS b\nCOPY --from=a x y\n",
    "json of numbers": b'FROM scratch\nCMD ["a", 1]\n',
    "open heredoc": b"FROM scratch\nCOPY <<A /x\nhello\n",
    "heredoc with a space": b'FROM scratch\nCOPY <<"A B" /x\nA B\n',
    "two users": b"FROM scratch\nUSER\n",
    "no ports": b"FROM scratch\nEXPOSE\n",
    "shell not json": b"FROM scratch\nSHELL /bin/sh\n",
    "empty volume": b'FROM scratch\nVOLUME [""]\n',
    "chained onbuild": b"FROM scratch\nONBUILD ONBUILD RUN a\n",
    "onbuild from": b"FROM scratch\nONBUILD FROM a\n",
    "health without command": b"FROM scratch\nHEALTHCHECK CMD\n",
    "health of a kind": b"FROM scratch\nHEALTHCHECK MAYBE a\n",
    "health interval": b"FROM scratch\nHEALTHCHECK --interval=5 CMD a\n",
    "health retries": b"FROM scratch\nHEALTHCHECK --retries=-1 CMD a\n",
    "no health and more": b"FROM scratch\nHEALTHCHECK NONE a\n",
    "mount of a kind": b"FROM scratch\nRUN --mount=type=nope,target=/x a\n",
    "mount key": b"FROM scratch\nRUN --mount=nope=1 a\n",
    "mount without value": b"FROM scratch\nRUN --mount=target a\n",
    "mount from a variable": b"FROM scratch\nRUN --mount=from=$A,target=/x a\n",
    "secret from": b"FROM scratch\nRUN --mount=type=secret,from=a,target=/x a\n",
    "secret of nothing": b"FROM scratch\nRUN --mount=type=secret a\n",
    "network": b"FROM scratch\nRUN --network=all a\n",
    "security": b"FROM scratch\nRUN --security=none a\n",
    "long line": b"FROM scratch\nENV A=" + b"a" * 70_000 + b"\n",
}  # fmt: skip


ELSEWHERE = {
    "circle",
    "copy from itself",
    "directive twice",
    "long line",
    "unknown escape",
}
"""Where BuildKit names the line before, or another of a circle."""


def build(folder: Path, data: bytes) -> subprocess.CompletedProcess[bytes]:
    file = folder / "Dockerfile"
    file.write_bytes(data)
    command = [tool("docker"), "buildx", "build", "--progress=plain", "--output=type=oci,dest=-"]
    return subprocess.run(
        [*command, "--file", str(file), str(folder)], capture_output=True, timeout=120, check=False
    )


def config(archive: bytes) -> dict[str, Any]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:

        def blob(digest: str) -> dict[str, Any]:
            file = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert file is not None
            value: dict[str, Any] = json.load(file)
            return value

        index_file = tar.extractfile("index.json")
        assert index_file is not None
        found = blob(json.load(index_file)["manifests"][0]["digest"])
        if "manifests" in found:
            found = blob(found["manifests"][0]["digest"])
        inner: dict[str, Any] = blob(found["config"]["digest"]).get("config", {})
        return inner


def setting(step: Step, out: dict[str, Any]) -> dict[str, Any]:
    """Return what ``step`` sets in a configuration that has ``out`` already."""
    words = list(step.args)
    shelled = words if step.instruction.json else [*(step.shell or ("/bin/sh", "-c")), *words]
    match step.name:
        case "ENV" | "LABEL":
            key = {"ENV": "Env"}.get(step.name, "Labels")
            return {key: {**out.get(key, {}), **dict(step.pairs)}}
        case "USER" | "STOPSIGNAL":
            return {{"USER": "User"}.get(step.name, "StopSignal"): words[0]}
        case "WORKDIR":
            return {"WorkingDir": os.path.normpath(Path(out["WorkingDir"], words[0]))}
        case "EXPOSE" | "VOLUME":
            key = {"EXPOSE": "ExposedPorts"}.get(step.name, "Volumes")
            said = (w if "/" in w else f"{w}/tcp" for w in words)
            return {key: {**out.get(key, {}), **{word: {} for word in said}}}
        case "ENTRYPOINT" | "CMD" | "SHELL":
            return {step.name.capitalize(): shelled}
        case _:
            return other(step, out)


def other(step: Step, out: dict[str, Any]) -> dict[str, Any]:
    if step.name == "ONBUILD":
        assert step.instruction.trigger is not None
        return {"OnBuild": [*out.get("OnBuild", []), step.instruction.trigger.text]}
    if step.name == "HEALTHCHECK":
        kind, *words = step.args
        shell = kind == "CMD" and not step.instruction.json
        return {"Healthcheck": ["CMD-SHELL" if shell else kind, *words]}
    return {}


def ours(file: Dockerfile) -> dict[str, Any]:
    """Make the configuration that our reading of ``file`` asks for."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    out: dict[str, Any] = {"Env": {"PATH": path}, "WorkingDir": "/"}
    for stage in file.shipped():
        for step in stage.steps:
            out |= setting(step, out)
    return {**out, "Env": [f"{name}={value}" for name, value in out["Env"].items()]}


@pytest.mark.parametrize("name", GOOD)
def test_what_we_read_is_what_is_built(name: str, engine: str, tmp_path: Path) -> None:  # noqa: ARG001
    done = build(tmp_path, GOOD[name])
    assert done.returncode == 0, done.stderr.decode()
    built = config(done.stdout)
    if "Healthcheck" in built:
        built["Healthcheck"] = built["Healthcheck"]["Test"]
    built.setdefault("WorkingDir", "/")
    built.pop("ArgsEscaped", None)
    expected = ours(parse(GOOD[name]))
    if not expected.get("Cmd", True):
        del expected["Cmd"]
    assert built == expected


@pytest.mark.parametrize("name", BAD)
def test_what_buildkit_refuses_we_refuse(name: str, engine: str, tmp_path: Path) -> None:  # noqa: ARG001
    done = build(tmp_path, BAD[name])
    assert done.returncode != 0
    with pytest.raises(InvalidInputError) as caught:
        parse(BAD[name])
    said = re.search(rb"(?:error on line |Dockerfile:)([0-9]+)", done.stderr)
    if said is not None and name not in ELSEWHERE:
        assert caught.value.details[0].split(":")[1] == said[1].decode()


def test_the_stages_are_buildkits(engine: str, tmp_path: Path) -> None:  # noqa: ARG001
    text = b"ARG V=1\nFROM a:$V AS One\nRUN <<E\nFROM no\nE\nFROM one\nFROM scratch AS x\n"
    (tmp_path / "Dockerfile").write_bytes(text)
    command = [tool("docker"), "buildx", "build", "--call=targets,format=json", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    theirs = [
        (target.get("name", ""), target["base"], target["location"]["ranges"][0]["start"]["line"])
        for target in json.loads(done.stdout)["targets"]
    ]
    found = [(stage.name, stage.written, stage.line) for stage in parse(text).stages]
    assert found == theirs
