from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import madeimage as made
import pytest
from judged import image

from imgforge.checks import run
from imgforge.engines.assembly import configuration, describe
from imgforge.plan import BuildPlan
from imgforge.policy import Policy

EXAMPLES = Path(__file__).parents[3] / "golden" / "examples"
BASE = {
    "User": "65532:65532",
    "WorkingDir": "/home/nonroot",
    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
}
TREE = [
    made.file("etc/passwd", b"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/:\n"),
    made.file("etc/group", b"root:x:0:\nnonroot:x:65532:\n"),
    made.file("etc/os-release", b"ID=debian\nVERSION_ID=13\n"),
    made.folder("tmp", 0o1777),
    made.folder("home/nonroot", 0o700, uid=65532, gid=65532),
    made.file("usr/bin/python3", b"\x7fELF", 0o755),
    made.symlink("bin", "usr/bin"),
]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/plan.json")))
def test_our_own_images_have_no_findings(name: str, tmp_path: Path) -> None:
    plan = BuildPlan.from_json(json.loads((EXAMPLES / name / "plan.json").read_text()))
    members = [made.folder(plan.runtime.workdir.strip("/"), 0o555)]
    for copy in plan.runtime.copies:
        user, _, group = copy.owner.partition(":")
        place, owner = copy.destination.strip("/"), {"uid": int(user), "gid": int(group)}
        if copy.origin == "context":
            content = b"{}" if place.endswith(".json") else b"\x7fELF"
            members.append(made.file(place, content, int(copy.mode, 8), **owner))
        else:
            members.append(made.folder(place, int(copy.mode, 8), **owner))
    health = plan.runtime.health.command[:1] if plan.runtime.health else ()
    there = {info.name for info, _ in (*TREE, *members)}
    members += [  # of the base, or made by a stage
        made.file(program.strip("/"), b"\x7fELF", 0o555)
        for program in dict.fromkeys((*plan.runtime.entrypoint[:1], *health))
        if program.strip("/") not in there
    ]
    created = dt.datetime.fromtimestamp(plan.epoch, dt.UTC)
    judged = image(
        tmp_path,
        TREE,
        members,
        config=configuration(BASE, plan.runtime),
        created=created.isoformat(),
        history=[{"created_by": describe(copy)} for copy in plan.runtime.copies],
    )
    assert run(judged, Policy(day=created.date())) == []
