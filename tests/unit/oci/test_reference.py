from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgforge.errors import InvalidInputError
from imgforge.oci.reference import Reference

HEX = "0123456789abcdef" * 4
DIGEST = "sha256:" + HEX


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("alpine", "docker.io", "library/alpine", None, None),
        ("alpine:3.20", "docker.io", "library/alpine", "3.20", None),
        ("docker.io/alpine", "docker.io", "library/alpine", None, None),
        ("index.docker.io/a/b", "docker.io", "a/b", None, None),
        ("acme/app", "docker.io", "acme/app", None, None),
        ("localhost/app", "localhost", "app", None, None),
        ("localhost:5000/app:1", "localhost:5000", "app", "1", None),
        ("ghcr.io/a/b/c", "ghcr.io", "a/b/c", None, None),
        ("Capital/app", "Capital", "app", None, None),
        ("127.0.0.1:5000/x", "127.0.0.1:5000", "x", None, None),
        ("[::1]:5000/x:t", "[::1]:5000", "x", "t", None),
        ("[2001:db8::1]/x", "[2001:db8::1]", "x", None, None),
        (f"r.io/x@{DIGEST}", "r.io", "x", None, DIGEST),
        (f"r.io/x:t@{DIGEST}", "r.io", "x", "t", DIGEST),
        ("r.io/a__b/c-d/e--f.g_h", "r.io", "a__b/c-d/e--f.g_h", None, None),
        ("r.io/x:_" + "A" * 127, "r.io", "x", "_" + "A" * 127, None),
        ("xn--n3h.com/x", "xn--n3h.com", "x", None, None),
    ],
)
def test_references_are_read_as_docker_reads_them(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    reference = Reference.parse(text)
    assert reference == Reference(registry, repository, tag, digest)
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":tag",
        "@" + DIGEST,
        "app:",
        "app@",
        "app@sha256:abc",
        f"app@sha512:{HEX}{HEX}",
        f"app@{DIGEST}@{DIGEST}",
        f"app@sha256:{HEX.upper()}",
        "App",
        "r.io/App",
        "r.io/",
        "/app",
        "r.io//app",
        "r.io/app/",
        "r.io/-app",
        "r.io/app-",
        "r.io/a___b",
        "r.io/a..b",
        "r.io/a b",
        "r.io/../b",
        "r.io/app:.tag",
        "r.io/app:-tag",
        "r.io/app:t" + "a" * 128,
        "r.io/app:tag\n",
        "r.io/app\n",
        "r.io/аpp",  # noqa: RUF001 - the look-alike is the point
        "r.io:/app",
        "r.io:0/app",
        "r.io:65536/app",
        "r.io:x/app",
        "-r.io/app",
        "r-.io/app",
        "r..io/app",
        ".io/app",
        "[::1/app",
        "[:::1]/app",
        "[]/app",
        "::1/app",
        "user@r.io/app",
        "user:pw@r.io/app",
        "https://r.io/app",
        "r.io/app?x=1",
        "r.io/app#x",
        "r.io/%61pp",
        HEX,
        "r.io/" + "a" * 252,
    ],
)
def test_what_the_grammar_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="not an image reference") as caught:
        Reference.parse(text)
    assert caught.value.message.isprintable()


PART = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(
    host=st.sampled_from(["docker.io", "localhost", "r.io:443", "[::1]:5", "A", "10.0.0.1"]),
    parts=st.lists(PART, min_size=2, max_size=4),
    tag=st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    digest=st.none() | st.just(DIGEST),
)
def test_what_is_printed_is_read_back(
    host: str, parts: list[str], tag: str | None, digest: str | None
) -> None:
    reference = Reference(host, "/".join(parts), tag, digest)
    assert Reference.parse(str(reference)) == reference


@given(st.text(alphabet="abA0._-/:@[]# \n" + "é", max_size=40))
def test_any_text_is_a_stable_reference_or_invalid(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidInputError:
        return
    assert Reference.parse(str(reference)) == reference


def test_tag_and_digest_replace_each_other() -> None:
    reference = Reference.parse("r.io/app:1")
    assert str(reference.with_digest(DIGEST)) == f"r.io/app@{DIGEST}"
    assert str(reference.with_digest(DIGEST).with_tag("2")) == "r.io/app:2"
    for bad in ("", "a/b", "a:b", "-", "x\n"):
        with pytest.raises(InvalidInputError, match="malformed tag"):
            reference.with_tag(bad)
    with pytest.raises(InvalidInputError, match="no sha256 digest"):
        reference.with_digest("sha256:1")
