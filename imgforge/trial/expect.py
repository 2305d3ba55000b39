"""``expect.toml``: how to run an image, and what it must do then."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from imgforge import tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import Argument, EnvName, Expression, SecretId, Table, problem

FILE = "expect.toml"


def _engine(value: str) -> str:
    from imgforge.engines import ENGINES

    if value not in ENGINES:
        raise problem(f"{value!r} is not an engine", f"one of {', '.join(ENGINES)}")
    return value


Engine = Annotated[str, AfterValidator(_engine)]


class Probe(Table):
    """A request over HTTP, and the answer that it must get.

    ``{name}`` in path and headers stands for what an earlier probe's ``body`` named.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")]
    headers: dict[str, str] = {}
    document: Any = Field(default=None, alias="json", description="Sent as the body, as JSON.")
    text: str | None = Field(default=None, description="Sent as the body as it is.")
    status: int = Field(ge=100, le=599)
    body: Expression = Field(default="", description="Found in the answer's body.")
    answers: dict[str, Expression] = Field(
        default={}, description="Header of the answer → what is found in it; '' for none."
    )


class Ending(Table):
    """A run of a program that ends by itself."""

    arguments: list[Argument] = Field(default=[], description="After the entrypoint.")
    env: dict[EnvName, str] = Field(default={}, description="Besides those of [env].")
    input: str = Field(default="", description="Its standard input.")
    exit: int = Field(default=0, ge=0, le=255)
    output: Expression = Field(default="", description="Found in its standard output.")
    error: Expression = Field(default="", description="Found in its standard error.")


class Expectation(Table):
    """A whole ``expect.toml``.

    ``port`` and ``probes`` are a server's; a worker has ``log`` only, a program that ends ``runs``.
    """

    prepare: list[str] = Field(
        default=[], description="Program and arguments that make files which the spec names."
    )
    engines: list[Engine] = Field(
        default=[], description="Which engines build it, if not all that can."
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="Where it listens.")
    log: Expression = Field(default="", description="Found in what it logs while it runs.")
    refuses: str = Field(
        default="", description="What it says when it runs without its required environment."
    )
    env: dict[EnvName, str] = {}
    secrets: dict[SecretId, str] = Field(
        default={}, description="Values of the secrets that it is run with."
    )
    probes: list[Probe] = []
    runs: list[Ending] = []

    @property
    def serves(self) -> bool:
        """Whether it goes on running until it is asked to stop."""
        return self.port is not None or bool(self.log)


def read(folder: Path) -> Expectation:
    """Read the expectation beside a spec; InvalidInputError lists what is wrong with it."""
    path = folder / FILE
    data, table = tomlfile.read(path)
    expected = tomlfile.validate(Expectation, table, data, str(path))
    problems = []
    if not expected.serves and not expected.runs:
        problems.append(
            tomlfile.Problem((), "expects nothing", "give a port, a log line, or [[runs]]")
        )
    if expected.probes and expected.port is None:
        problems.append(tomlfile.Problem(("probes",), "need a port"))
    for i, probe in enumerate(expected.probes):
        if probe.document is not None and probe.text is not None:
            problems.append(tomlfile.Problem(("probes", i), "has two bodies", "json or text"))
    if problems:
        raise tomlfile.invalid(str(path), data, problems)
    return expected


def prepare(expected: Expectation, folder: Path) -> None:
    """Run what makes the files that the spec names; BuildFailedError if it fails."""
    if not expected.prepare:
        return
    from imgforge import process

    program = expected.prepare[0]
    inside = (folder / program).resolve().is_relative_to(folder.resolve())
    if "/" in program and not (inside and (folder / program).is_file()):
        raise InvalidInputError(f"{folder / FILE}: prepare: there is no {program}")
    process.run([folder / program if "/" in program else program, *expected.prepare[1:]],
                cwd=folder, timeout=600)  # fmt: skip
