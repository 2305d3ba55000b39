"""What a stage's template renders to, when it would rather be the whole Dockerfile."""

from __future__ import annotations

import pytest

from imgforge.confinement import confine
from imgforge.errors import InvalidInputError


def held(body: str, *, network: bool = False) -> None:
    confine(body, name="build", stages=("deps",), secrets={"netrc"}, network=network)


@pytest.mark.parametrize(
    "body",
    [
        "RUN --network=none true",
        "RUN --network=none --mount=type=cache,target=/c --mount=type=tmpfs,target=/t a \\\n  b",
        "RUN --network=none --mount=type=secret,id=netrc cat <<<x",
        "RUN --network=none --mount=type=bind,from=deps,target=/d true",
        "RUN --network=none --mount=type=bind,source=locks/a.txt,target=/run/a.txt,readonly true",
        "RUN --network=none --mount=type=cache,id=/c.d-e/f,target=/c.d-e/f,sharing=locked true",
        "COPY --from=deps --chown=0:0 /out /in\nWORKDIR /src\nENV A=b\nARG C=d",
        "# a comment \\\nRUN --network=none true\n\n",
        'COPY ["a b", "/c"]',
        "RUN --network=none echo '# syntax=evil' FROM evil",
    ],
)
def test_what_stages_are_made_of_is_allowed(body: str) -> None:
    held(body)


@pytest.mark.parametrize(
    "body",
    [
        # Another stage, or the end of this one.
        "FROM evil",
        "from evil AS runtime",
        "\t FROM evil",
        "RUN --network=none true\nFROM evil",
        "RUN --network=none true\rFROM evil",
        "RUN --network=none true\r\nFROM evil",
        "RUN --network=none true\u2028FROM evil",
        "RUN --network=none true\u2029FROM evil",
        "RUN --network=none true\x0cFROM evil",
        "RUN --network=none true\x0bFROM evil",
        "RUN --network=none true\x85FROM evil",
        "RUN --network=none true\x1eFROM evil",
        "\ufeffFROM evil",
        "FR\u200bOM evil",
        "RUN --network=none echo \u202e",
        "RUN --network=none true\x00",
        # Into what follows, or over it.
        "RUN --network=none true \\",
        "RUN --network=none true \\\n",
        "RUN --network=none true \\\n# comment\n\\",
        "RUN --network=none true \\ \t",
        "RUN --network=none cat <<EOF",
        "RUN --network=none cat <<EOF\nx\nEOF",
        "RUN --network=none cat <<-'EOF'\nx\nEOF",
        "COPY <<EOF /x\ny\nEOF",
        # What is not for build stages.
        "ONBUILD RUN --network=none true",
        "USER 0",
        'SHELL ["/bin/evil"]',
        "ADD https://evil.example/x /x",
        "ADD a /b",
        "VOLUME /x",
        "LABEL a=b",
        'ENTRYPOINT ["/x"]',
        "HEALTHCHECK NONE",
        "EXPOSE 80",
        "STOPSIGNAL 9",
        "MAINTAINER me",
        "EVIL x",
        # Other images.
        "COPY --from=evil / /",
        "COPY --from=docker.io/library/evil / /",
        "COPY --from=$X / /",
        "COPY --from=${X:-evil} / /",
        "COPY --from=0 / /",
        "COPY --from=build / /",
        "COPY --from=runtime / /",
        "COPY --from=deps --from=evil / /",
        'COPY --"from"=evil / /',
        "COPY --fr\\om=evil / /",
        "COPY --from='evil' / /",
        'COPY --from="deps" / /',
        "COPY --from=deps\\\n --from=evil / /",
        "RUN --network=none --mount=from=evil,target=/x true",
        "RUN --network=none --mount=type=bind,from=$X,target=/x true",
        "RUN --network=none --mount=type=cache,from=evil,target=/x true",
        "RUN --network=none --mount=type=bind,FROM=evil,target=/x true",
        'RUN --network=none --mount="type=bind,from=evil,target=/x" true',
        # Files of the machine: older buildahs join ids and follow links outside of what is theirs.
        "RUN --network=none --mount=type=bind,from=deps,source=/link,target=/x true",
        "RUN --network=none --mount=type=cache,from=deps,source=/link,target=/x true",
        "RUN --network=none --mount=type=cache,id=../../../etc,target=/x true",
        "RUN --network=none --mount=type=cache,id=a/../../b,target=/x true",
        "RUN --network=none --mount=type=cache,id=$X,target=/x true",
        "RUN --network=none --mount=type=cache,target=/../../etc true",
        "RUN --network=none --mount=type=cache,target=../../etc true",
        "RUN --network=none --mount=type=cache,dst=x true",
        "RUN --network=none --mount=type=bind,source=../../etc,target=/x true",
        "RUN --network=none --mount=type=bind,src=a/../../../etc,target=/x true",
        "RUN --network=none --mount=type=bind,source=$X,target=/x true",
        "RUN --network=none --mount=type=bind,source=a,source=b,target=/x true",
        "RUN --network=none --mount=type=bind,source=a,target=/x,rw true",
        "RUN --network=none --mount=type=bind,source=a,target=/x,readwrite=true true",
        "RUN --network=none --mount=type=bind,source=a,target=/x,ro=false true",
        "RUN --network=none --mount=type=secret,id=netrc,target=/a/../../x true",
        "RUN --network=none --mount=type=cache,source=link,target=/x true",
        "RUN --network=none --mount=type=cache,target=/x\\\n,id=a true",
        "RUN --network=none \\\n# --mount=a\n --mount=type=cache,\\\ntarget=/x true",
        # Secrets, sockets, privileges.
        "RUN --network=none --mount=type=secret,id=other true",
        "RUN --network=none --mount=type=secret,id=$X true",
        "RUN --network=none --mount=type=secret,target=/run/secrets/other true",
        "RUN --network=none --mount=type=secret,id=netrc,env=X true",
        "RUN --network=none --mount=type=secret,id=netrc,id=other true",
        "RUN --network=none --mount=type=SECRET,id=other true",
        "RUN --network=none --mount=type=ssh true",
        "RUN --network=none --mount=type=$X,id=other true",
        "RUN --network=none --security=insecure true",
        "RUN --network=none --device=all true",
        # The network.
        "RUN true",
        "RUN --network=default true",
        "RUN --network=host true",
        "RUN --network=$X true",
        "RUN --network=none --network=host true",
        "RUN --net\\work=none true",
        "RUN -- --network=none true",
        "RUN true --network=none",
        # Flags that not every engine has.
        "COPY --link a /b",
        "COPY --parents a /b",
        "COPY --exclude=x a /b",
    ],
)
def test_nothing_else_is(body: str) -> None:
    with pytest.raises(InvalidInputError, match="stage 'build' cannot be part of an image"):
        held(body)


@pytest.mark.parametrize("mode", ["none", "host", "$X"])
def test_a_stage_with_network_says_so_in_its_declaration_alone(mode: str) -> None:
    held("RUN true", network=True)
    with pytest.raises(InvalidInputError):
        held(f"RUN --network={mode} true", network=True)


def test_every_problem_is_told_with_its_line() -> None:
    with pytest.raises(InvalidInputError) as caught:
        held("RUN --network=none true\nUSER 0\nCOPY --from=evil / /\n")
    assert [detail.partition(": ")[0] for detail in caught.value.details] == ["build:2", "build:3"]


@pytest.mark.parametrize(
    "mount",
    [
        "type=cache,target=/root/.cache/pip",
        "type=cache,id=/root/.cache/pip,target=/root/.cache/pip",
        "type=cache,id=catalog.other/root/.cache/pip,target=/root/.cache/pip",
        "type=cache,id=catalog.acme/root/.npm,target=/root/.cache/pip",
        "type=cache,id=folder/root/.cache/pip,target=/root/.cache/pip",
    ],
)
def test_a_stack_from_outside_reaches_no_cache_but_its_catalogs(mount: str) -> None:
    def judge(body: str) -> None:
        confine(body, name="s", stages=(), secrets=(), network=False, caches="catalog.acme")

    own = "type=cache,id=catalog.acme/root/.cache/pip,target=/root/.cache/pip"
    judge(f"RUN --network=none --mount={own} true")
    with pytest.raises(InvalidInputError) as caught:
        judge(f"RUN --network=none --mount={mount} true")
    assert "not catalog.acme/root/.cache/pip: name the folder" in caught.value.details[0]


def test_nothing_of_ours_reaches_a_catalogs_cache() -> None:
    """Not even through a block that an application puts into one of imgforge's stacks."""
    with pytest.raises(InvalidInputError) as caught:
        held("RUN --network=none --mount=type=cache,id=catalog.acme/c,target=/c true")
    assert "not /c: name the folder" in caught.value.details[0]
