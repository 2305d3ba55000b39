from __future__ import annotations

import dataclasses
import datetime as dt
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import CONFIG, LABELS, configured, good

from imgforge.analysis.config import read
from imgforge.analysis.facts import Entry
from imgforge.analysis.merge import merge
from imgforge.checks import run
from imgforge.oci.layout import CorruptLayoutError
from imgforge.policy import Budget, Policy

STRICT = Policy(budget=Budget(0, 0, 0, 0, 0), day=dt.date(2026, 6, 1))
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.floats(allow_nan=False)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
PROCESS = (
    *("User", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "ExposedPorts", "Volumes"),
    *("Healthcheck", "Shell", "OnBuild", "StopSignal"),
)
PARTS = (
    *("/", "/etc", "..", ".", "", "22", "80/tcp", "99999", "root", "0", ":", "=", "LD_PRELOAD=/x"),
    *("PATH=::.", "NODE_OPTIONS=-r /x", "CMD", "CMD-SHELL", "NONE", "\x00", "\n", "9" * 30),
)
ODD = st.one_of(JSON, st.lists(st.sampled_from(PARTS), max_size=4), st.sampled_from(PARTS))
PATHS = st.lists(
    st.sampled_from(
        [
            *("etc", "passwd", "shadow", "sudoers.d", "bin", "sh", ".env", ".git", "HEAD", "root"),
            *(
                ".cache",
                "pip",
                "node_modules",
                ".ssh",
                "authorized_keys",
                "x\udcff",
                "a~",
                ".",
                "tmp",
            ),
        ]
    ),
    min_size=1,
    max_size=5,
).map("/".join)
ENTRIES = st.lists(
    st.builds(
        Entry,
        PATHS,
        st.sampled_from("fdlhcbp"),
        st.integers(0, 0o7777),
        st.integers(-1, 1 << 32),
        st.integers(-1, 1 << 32),
        st.integers(0, 1 << 40),
        st.one_of(st.just(""), PATHS, PATHS.map("/".__add__), st.just("../..")),
        st.sampled_from(["", "00ff"]),
    ),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(
    process=st.dictionaries(st.sampled_from(PROCESS), ODD, max_size=4),
    fields=st.dictionaries(st.sampled_from(["created", "history", "os"]), ODD, max_size=2),
)
def test_no_configuration_breaks_a_check(process: dict[str, Any], fields: dict[str, Any]) -> None:
    try:
        read({**good().config, **fields, "config": {**CONFIG, **process}})
    except CorruptLayoutError:
        return
    assert isinstance(configured(policy=STRICT, fields=fields, **process), list)


@settings(max_examples=80, deadline=None)
@given(
    layers=st.lists(ENTRIES, min_size=1, max_size=3),
    passwd=st.text(st.sampled_from("root:x0\n!*$#+-"), max_size=60),
    user=st.sampled_from(["", "0", "x", "1000:0", "root:x", "-1", "99999999999"]),
)
def test_no_tree_breaks_a_check(layers: list[list[Entry]], passwd: str, user: str) -> None:
    base = good()
    captured = dict.fromkeys(("etc/passwd", "etc/shadow", "etc/group", "etc/os-release"), passwd)
    made = tuple(
        dataclasses.replace(base.layers[0], entries=tuple(entries), captured=captured)
        for entries in layers
    )
    settings_ = dataclasses.replace(base.settings, user=user, working_dir="/tmp/..")
    files, problems = merge(made)
    image = dataclasses.replace(
        base, layers=made, files=files, problems=tuple(problems), settings=settings_
    )
    assert all(finding.message for finding in run(image, STRICT))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "apt-get",
                    "install",
                    "-y",
                    "curl",
                    "|",
                    "sh",
                    "&&",
                    ";",
                    "(",
                    ")",
                    "$(",
                    "`",
                    '"',
                ),
                *("'", "pip", "-r", "--trusted-host", "<<EOF", "\n", "EOF", "npm", "-g", "=", "--"),
                *(
                    "sh -c",
                    "eval",
                    "<(",
                    "}",
                    "{",
                    "if",
                    "fi",
                    "\\",
                    "python",
                    "-m",
                    "go",
                    "@latest",
                ),
            ]
        ),
        max_size=25,
    ).map(" ".join)
)
def test_no_command_breaks_what_is_said_of_it(text: str) -> None:
    assert all(finding.message for finding in configured(f"RUN {text}"))


@pytest.mark.parametrize(
    "step",
    [
        "RUN echo " + "[" * 60_000,
        "RUN echo [" + "trusted=yes " * 5_000,
        "RUN pip config trusted-host" + " " * 60_000,
        "RUN sslverify" + " " * 60_000 + "strict-ssl" + " " * 4_000,
        "RUN sh" + " -o x" * 12_000,
        "RUN " + "sh -x " * 10_000,
        "|1 " + "bash " * 12_000,
        "ADD " + "http://a/ " * 6_000,
        "ADD " + "--a=b " * 10_000,
        "RUN " + "$(" * 30_000,
    ],
)
def test_steps_made_to_be_slow_are_not(step: str) -> None:
    begun = time.process_time()
    configured(step)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("text", ["(" * 100_000, "(" * 1_900, "MIT AND " * 240, "(MIT OR " * 200])
def test_licences_made_to_be_deep_are_wrong(text: str) -> None:
    seen = configured(Labels={**LABELS, "org.opencontainers.image.licenses": text})
    assert [finding.key for finding in seen] == ["licenses"]
