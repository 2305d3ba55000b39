from __future__ import annotations

import pytest

from imgforge import repository
from imgforge.repository import Place

WEB = "https://example.com/acme/web"


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        (WEB, Place(WEB)),
        (f"git+{WEB}@refs/heads/main", Place(WEB, "refs/heads/main")),
        (f"git+{WEB}.git@refs/tags/v1.0", Place(f"{WEB}", "refs/tags/v1.0")),
        ("git+HTTPS://Example.COM:443/acme/web.git/", Place(WEB)),
        ("git+ssh://git@example.com/acme/web.git", Place(WEB)),
        ("ssh://git@example.com:22/acme/web", Place(WEB)),
        ("ssh://example.com:2222/acme/web", Place("ssh://example.com:2222/acme/web")),
        ("https://example.com/Acme/Web", Place("https://example.com/Acme/Web")),
        ("http://example.com/acme/web", Place("http://example.com/acme/web")),
        ("https://[::1]:8443/a", Place("https://[::1]:8443/a")),
        ("https://git.sr.ht/~me/x", Place("https://git.sr.ht/~me/x")),
    ],
)
def test_one_repository_has_one_form(uri: str, place: Place) -> None:
    assert repository.read(uri) == place


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "no URI"),
        ("example.com/acme/web", "no URI"),
        ("git+git+https://example.com/a", "no URI"),
        ("file:///srv/acme", "no URI"),
        ("ftp://example.com/acme", "scheme"),
        ("https://someone@example.com/acme/web", "user"),
        ("https://git@example.com/acme/web", "user"),
        ("https://example.com@evil.example/acme/web", "user"),
        ("ssh://someone@example.com/acme/web", "user"),
        ("ssh://git:word@example.com/acme/web", "user"),
        ("https://example.com/acme/../web", "path"),
        ("https://example.com/acme//web", "path"),
        ("https://example.com/", "path"),
        ("https://example.com/acme/web?x=1", "path"),
        ("https://example.com/acme/web#main", "path"),
        ("https://example.com/acme%2fweb", "path"),
        ("https://example.com/acme\\web", "path"),
        ("https://example.com/acme web", "no URI"),
        ("https://example.com/acme/web\n", "no URI"),
        ("https://ex\u0430mple.com/acme/web", "no URI"),
        ("https://example.com./acme/web", "no URI"),
        (f"{WEB}@evil@refs/heads/main", "more than one @"),
        (f"{WEB}@", "ref"),
        (f"{WEB}@refs/heads/a:b", "ref"),
        ("https://example.com/" + "a" * 2000, "characters"),
    ],
)
def test_what_could_be_taken_for_two_is_refused(uri: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        repository.read(uri)


def test_contexts_of_buildkit_have_their_ref_behind_a_hash() -> None:
    read = repository.read_context
    assert read(f"{WEB}.git#refs/heads/main") == Place(WEB, "refs/heads/main")
    assert read(f"{WEB}.git#v1:sub/folder") == Place(WEB, "v1")
    assert read(f"{WEB}.git") == Place(WEB)
    for uri in (f"{WEB}.git#a b", f"{WEB}@x#main", "./folder"):
        with pytest.raises(ValueError, match="it"):
            read(uri)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://example.com/acme/web.git", WEB),
        ("https://token-user:word@example.com/acme/web.git", WEB),
        ("https://a@b@example.com/acme/web.git", WEB),
        ("git@example.com:acme/web.git", WEB),
        ("example.com:acme/web", WEB),
        ("ssh://alice@example.com:29418/acme/web", "ssh://example.com:29418/acme/web"),
        ("/srv/git/web", ""),
        ("../web", ""),
        ("file:///srv/git/web", ""),
        ("ext::sh -c touch% /tmp/x", ""),
        ("-oProxyCommand=x", ""),
        ("", ""),
    ],
)
def test_a_remote_is_told_without_who_logs_in(url: str, found: str) -> None:
    assert repository.of_remote(url) == found


def test_globs_are_folded_like_what_they_match() -> None:
    assert repository.folded("git+https://Example.com/Acme/*.git/") == "https://example.com/Acme/*"
    assert repository.folded("https://example.com/acme/*") == "https://example.com/acme/*"
    assert repository.folded("*/acme/web") == "*/acme/web"
