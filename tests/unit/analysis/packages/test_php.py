from __future__ import annotations

import json
from typing import Any

import pytest

from imgforge.analysis.facts import Package
from imgforge.analysis.packages import pear, php

PATH = "srv/vendor/composer/installed.json"
SHA1 = "0123456789abcdef0123456789abcdef01234567"
CONSOLE = {
    "name": "Symfony/Console",
    "version": "v5.4.1",
    "dist": {"type": "zip", "shasum": SHA1.upper()},
    "require": {"php": ">=7.2", "ext-json": "*", "Psr/Log": "^1", "symfony/string": "^5"},
    "license": ["MIT", "BSD-3-Clause"],
    "authors": [{"name": "Jo", "email": "jo@example.org"}],
    "install-path": "../symfony/console",
}
UNIT = {"name": "phpunit/phpunit", "version": "9.6.7", "dist": {"shasum": ""}, "license": "MIT"}


def test_both_forms() -> None:
    assert php.wants(PATH, "installed.json")
    assert not php.wants("srv/installed.json", "installed.json")
    whole = {"packages": [CONSOLE, UNIT], "dev": True, "dev-package-names": ["phpunit/phpunit"]}
    console, unit = php.read(PATH, json.dumps(whole).encode())
    assert console == Package(
        "composer",
        "console",
        "5.4.1",
        purl="",
        licence="(MIT OR BSD-3-Clause)",
        supplier="Jo <jo@example.org>",
        paths=(PATH,),
        namespace="symfony",
        hashes=(f"sha1:{SHA1}",),
        depends=("psr/log", "symfony/string"),
    )
    assert (unit.namespace, unit.licence, unit.hashes, unit.dev) == ("phpunit", "MIT", (), True)
    first = php.read(PATH, json.dumps([CONSOLE, UNIT]).encode())
    assert first == [console, unit._replace(dev=False)]


def test_folders_are_claimed() -> None:
    outside = {"name": "a/b", "version": "1", "install-path": "../../../../../../etc"}
    data = json.dumps([CONSOLE, UNIT, outside, {**outside, "install-path": None}]).encode()
    assert [(c.owner, c.files) for c in php.claims(PATH, data)] == [
        ("composer:symfony/console", "srv/vendor/symfony/console/"),
        ("composer:phpunit/phpunit", "srv/vendor/phpunit/phpunit/"),
    ]


@pytest.mark.parametrize(
    "value",
    [3, {}, {"packages": {}}, [3], [{}], [{"name": "a"}], [{"name": "/a"}], {"packages": [[]]}],
)
def test_unreadable(value: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(ValueError, match=r"no list|no name"):
        php.read(PATH, json.dumps(value).encode())


def test_types_that_are_none() -> None:
    odd = {
        "name": "a/b",
        "version": 1,
        "dist": [],
        "require": 3,
        "license": {},
        "authors": {"a": 1},
    }
    (found,) = php.read(PATH, json.dumps([odd]).encode())
    assert found == Package("composer", "b", "", "", "", "", (PATH,), namespace="a")


def serialised(value: Any) -> bytes:  # noqa: ANN401 - any value
    """Write a value as PHP's ``serialize`` does."""
    if isinstance(value, dict):
        pairs = b"".join(serialised(k) + serialised(v) for k, v in value.items())
        return b"a:%d:{%s}" % (len(value), pairs)
    if isinstance(value, str):
        return b's:%d:"%s";' % (len(value.encode()), value.encode())
    return b"N;" if value is None else b"i:%d;" % value


REDIS = {
    "attribs": {"version": "2.0"},
    "name": "redis",
    "channel": "pecl.php.net",
    "summary": 'é";s:4:"name";s:4:"fake";',
    "lead": {"name": "Jo", "active": None},
    "version": {"release": "6.0.2", "api": "6.0.0"},
    "license": {"attribs": {}, "_content": "PHP"},
    "filelist": {"a.c": {}, 0: 1},
}


def test_pear() -> None:
    path = "usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg"
    assert pear.wants(path, "redis.reg")
    assert not pear.wants("usr/local/lib/php/.channels/pecl.php.net.reg", "pecl.php.net.reg")
    assert pear.read(path, serialised(REDIS)) == [
        Package(
            "pear",
            "redis",
            "6.0.2",
            purl="",
            licence="PHP",
            supplier="Jo",
            paths=(path,),
            namespace="pecl.php.net",
        )
    ]
    first = {"package": "Old", "version": "1.0", "license": "BSD"}
    (found,) = pear.read("php/.registry/old.reg", serialised(first))
    assert (found.namespace, found.name, found.version) == ("pear.php.net", "Old", "1.0")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "byte 0"),
        (b"a:1:{", "byte 5"),
        (b'O:3:"Foo":0:{}', "byte 0"),
        (b'a:1:{s:99:"name";}', "byte 5"),
        (b"a:1:{a:0:{}i:1;}", "key"),
        (b"a:1:{i:0;" * 200, "nested"),
        (b"a:1:{" + b"i:0;" * 200_001, "over 200000"),
        (b's:1:"x";', "names no package"),
        (b"a:0:{}", "names no package"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_unreadable_registries(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pear.read("php/.registry/x.reg", data)
