from __future__ import annotations

import pytest

from imgforge.dockerfile import Dockerfile, Heredoc, Pair, Stage, parse
from imgforge.dockerfile.instructions import Mount
from imgforge.errors import InvalidInputError


def last(text: str) -> Stage:
    return parse(text.encode()).stages[-1]


def problems(data: bytes, target: str = "") -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        parse(data, "a/Dockerfile", target=target)
    return caught.value.details


def test_every_problem_is_listed_with_its_line() -> None:
    data = b"FROM a\nFOO\n\nENV x\nCOPY \\\n  y\nRUN --mount=type=x,y=1 --z a\n"
    assert problems(data) == (
        "a/Dockerfile:2: unknown instruction: FOO",
        "a/Dockerfile:4: ENV must have two arguments",
        (
            "a/Dockerfile:5: COPY requires at least two arguments, but only one was provided."
            " Destination could not be determined"
        ),
        "a/Dockerfile:7: unexpected key 'y' in 'y=1'",
        "a/Dockerfile:7: unknown flag: --z",
        'a/Dockerfile:7: unsupported type "x" of a mount',
    )


def test_a_word_that_cannot_be_expanded_is_not_shown() -> None:
    (detail,) = problems(b"FROM a\nENV PASSWORD='hunter22\n")
    assert "hunter22" not in detail


def test_problems_are_shown_in_ascii_and_short() -> None:
    (detail,) = problems("FROM a\nÄ\x1b".encode() + b"\xff" + b"b" * 1000)
    assert detail.isascii()
    assert len(detail) < 400


def test_every_instruction_keeps_its_lines() -> None:
    text = "# c\nFROM a\nRUN b \\\n  # no\n  c\n\nCOPY <<X <<Y /d\nx\nX\ny\nY\nUSER 5\n"
    stage = last(text)
    assert stage.line == 2
    assert [(s.line, s.instruction.end) for s in stage.steps] == [(3, 5), (7, 11), (12, 12)]
    run, copy, _ = (step.instruction for step in stage.steps)
    assert run.line_at(run.text.index("b")) == 3
    assert run.line_at(run.text.index("c")) == 5
    assert copy.heredocs == (Heredoc("X", "x\n", 8), Heredoc("Y", "y\n", 10))


def test_what_only_a_base_could_set_stays_as_it_is_written() -> None:
    (step,) = last("FROM a\nWORKDIR ${HOME:-/x}/$A\n").steps
    assert step.args == ("${HOME:-/x}/$A",)
    assert step.unset == {"HOME", "A"}


def test_nothing_is_set_by_scratch() -> None:
    (step,) = last("FROM scratch\nWORKDIR ${HOME:-/x}/$A\n").steps
    assert (step.args, step.unset) == (("/x/",), frozenset({"HOME", "A"}))


def test_variables_have_the_scope_of_their_stage() -> None:
    text = (
        "ARG G=g\nARG H\nFROM a:$G AS x\nARG G L=l\nENV E=$G$L\n"
        "FROM x AS y\nENV F=$E$L\nFROM a:${H:-h}\nENV F=$G\n"
    )
    file = parse(text.encode())
    assert [stage.base for stage in file.stages] == ["a:g", "x", "a:h"]
    assert [stage.parent for stage in file.stages] == [None, 0, None]
    assert file.arguments[0].pairs == (Pair("G", "g"),)
    assert file.stages[0].env == {"G": "g", "L": "l", "E": "gl"}
    assert file.stages[1].env["F"] == "gll"
    assert file.stages[2].env == {"F": "$G"}


def test_build_arguments_and_the_platform_are_given() -> None:
    text = b"ARG V=1\nFROM a:$V-$TARGETARCH\nARG V=2\nARG TARGETOS\nENV A=$V$TARGETOS\n"
    file = parse(text, build_args={"V": "9"}, platform="linux/arm64/v8")
    assert file.stages[0].base == "a:9-arm64"
    assert file.stages[0].env["A"] == "9linux"


STAGES = b"""\
FROM a AS one
FROM scratch AS two
COPY --from=one x y
FROM two AS Three
FROM b AS four
RUN --mount=from=THREE,target=/x y
COPY --from=0 a b
COPY --from=image:1 c d
"""


def test_stages_are_named_by_name_and_index() -> None:
    file = parse(STAGES)
    assert file.target == 3
    assert [stage.needs for stage in file.stages] == [set(), {0}, {1}, {0, 2}]
    assert [step.source for step in file.stages[3].steps] == [None, 0, None]
    assert [stage.name for stage in file.built()] == ["one", "two", "three", "four"]
    assert [stage.name for stage in file.shipped()] == ["four"]


@pytest.mark.parametrize(
    ("target", "shipped", "built"),
    [
        ("two", ["two"], ["one", "two"]),
        ("THREE", ["two", "three"], ["one", "two", "three"]),
        ("0", ["one"], ["one"]),
    ],
)
def test_a_target_is_named_by_name_or_index(
    target: str, shipped: list[str], built: list[str]
) -> None:
    file = parse(STAGES, target=target)
    assert [stage.name for stage in file.shipped()] == shipped
    assert [stage.name for stage in file.built()] == built


@pytest.mark.parametrize("target", ["five", "4", "-1", "1e0"])
def test_a_target_that_is_not_there(target: str) -> None:
    assert problems(STAGES, target) == (
        f'a/Dockerfile:1: target stage "{target}" could not be found',
    )


def test_what_is_wrong_in_a_stage_that_is_not_built_is_no_problem() -> None:
    data = b"FROM scratch AS a\nUSER ${X:?no}\nFROM scratch\nUSER 1\n"
    assert isinstance(parse(data), Dockerfile)
    assert problems(data, "a") == ("a/Dockerfile:2: a word cannot be expanded: X: no",)


def test_mounts() -> None:
    text = (
        "FROM a AS b\nFROM a\n"
        "RUN --mount=type=secret,id=t,env=T --mount=type=cache,dst=/c,ro"
        ' --mount="from=b,src=/x,target=/y" --mount=type=bind,target=/z,rw=true c\n'
    )
    (step,) = last(text).steps
    assert step.mounts == (
        Mount("secret", id="t", env="T"),
        Mount("cache", target="/c"),
        Mount("bind", "b", "/x", "/y"),
        Mount("bind", target="/z", writable=True),
    )


def test_directives() -> None:
    data = b"# syntax = a/b:1 x\n# check=skip=all\n# escape=`\nFROM a\n"
    found = parse(data).directives
    assert (found.syntax, found.syntax_line, found.check, found.escape) == (
        "a/b:1",
        1,
        "skip=all",
        "`",
    )


def test_onbuild_keeps_its_trigger_unexpanded() -> None:
    (step,) = last("FROM a\nARG V=1\nONBUILD COPY --from=x $V /y\n").steps[1:]
    trigger = step.instruction.trigger
    assert trigger is not None
    assert (trigger.name, trigger.args, trigger.flag("from")) == ("COPY", ("$V", "/y"), "x")


def test_the_shell_in_force() -> None:
    stage = last('FROM a AS x\nSHELL ["b", "-c"]\nFROM x\nRUN c\n')
    assert stage.steps[0].shell == ("b", "-c")
