"""Dockerfiles whose lines were shuffled: an import, or one clear error, and never a crash."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge import importing
from imgforge.errors import InvalidInputError
from imgforge.importing import written

BASES = ("python:3", "node:24 AS a", "a", "scratch", "golang:1 AS b", "nginx", "x/php-fpm:8", "$X")
LINES = (
    *(
        "WORKDIR /",
        "WORKDIR a",
        "WORKDIR ../..",
        "COPY . .",
        "COPY . /",
        "COPY a /app",
        "COPY a/ b",
    ),
    *(
        "COPY ../../x y",
        "COPY --from=a / /",
        "COPY --from=0 /app .",
        "COPY --from=b . ./",
        "ADD a /",
    ),
    *('CMD ["./a"]', 'ENTRYPOINT ["/a", ""]', "CMD []", "ENTRYPOINT []", 'CMD [""]'),
    *(
        "CMD uv run",
        "CMD poetry run x",
        "CMD thrust",
        "CMD bundle exec",
        "CMD ['a']",
        "CMD tini --",
    ),
    *("CMD tini --", 'CMD ["tini", "python", "a"]', "CMD npm start", "CMD node", "CMD java -cp"),
    *("RUN cp", "RUN cp -r x /srv", "RUN rm", "RUN pip install -r", "RUN uv", "RUN hugo > /x"),
    *("RUN D='a b' && apt-get install $D", "RUN mkdir /", "RUN chown x /", "RUN go build -o"),
    *(
        "VOLUME /",
        "VOLUME a",
        "ENV A=$B PYTHONPATH=",
        "ENV A=",
        "EXPOSE x",
        "USER",
        "STOPSIGNAL 99",
    ),
    *("HEALTHCHECK CMD curl", "HEALTHCHECK NONE", "ONBUILD COPY . .", "RUN --mount=type=bind true"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for name in ("a", "package.json", "requirements.txt", ".dockerignore"):
        (root / name).write_text("#!/usr/bin/env\n[*~\n!\n")
    return root


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(BASES), st.lists(st.sampled_from(LINES), max_size=6)),
        min_size=1,
        max_size=3,
    )
)
def test_shuffled_lines(project: Path, stages: list[tuple[str, list[str]]]) -> None:
    text = "".join(f"FROM {base}\n" + "".join(f"{s}\n" for s in lines) for base, lines in stages)
    (project / "Dockerfile").write_text(text)
    with contextlib.suppress(InvalidInputError):
        found = importing.read(project / "Dockerfile", project, name="demo")
        spec = written.text(found)
        assert tomllib.loads(spec)["stack"]["name"]
        assert importing.problems(spec) is not None
