from __future__ import annotations

import pytest

from imgforge import strictjson


def test_ordinary_json_is_read() -> None:
    assert strictjson.loads(b'{"a":[1,2.5,"\xc3\xa9",null,{"a":true}]}') == {
        "a": [1, 2.5, "é", None, {"a": True}]
    }


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"x":{"a":1,"b":2,"a":3}}]',
        b"NaN",
        b"[-Infinity]",
        b"[" * 100_000,
        b'"\xff"',
        '{"a":1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"",
        b"1" * 5000,
    ],
    ids=lambda d: repr(d[:20]),
)
def test_json_of_two_meanings_or_none_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        strictjson.loads(data)


def test_an_object_is_demanded() -> None:
    assert strictjson.load_object(b"{}") == {}
    with pytest.raises(ValueError, match="not a JSON object"):
        strictjson.load_object(b"[]")


@pytest.mark.parametrize("key", ["Layers", "LAYERS", "layer\u017f"])
def test_known_keys_in_another_case_are_refused(key: str) -> None:
    strictjson.exact(["layers", "other", "Other"], ["layers"])
    with pytest.raises(ValueError, match="another case"):
        strictjson.exact(["layers", key], ["layers"])
