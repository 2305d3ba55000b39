from __future__ import annotations

import pytest

from imgforge import strictjson


def test_ordinary_json_is_read() -> None:
    assert strictjson.loads(b'{"a":[1,2.5,"\xc3\xa9",null,{"a":true}]}') == {
        "a": [1, 2.5, "é", None, {"a": True}]
    }


def test_whole_characters_are_read_however_they_are_written() -> None:
    assert strictjson.loads(b'["\\ud83d\\ude00", "\\\\ud800", 1e300]') == [
        "\U0001f600",
        "\\ud800",
        1e300,
    ]


def test_values_are_counted_before_they_are_made() -> None:
    strictjson.slim(b'{"a": [1, 2, 3]}', 3)
    for data in (b"[1,1,1,1,1]", b"[[[[[[]]]]]]", b'{"a":{"a":{"a":{"a":{}}}}}'):
        with pytest.raises(ValueError, match="over 3 values"):
            strictjson.slim(data, 3)


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
        b"1e999",
        b"[-1E400]",
        b'"\\ud800"',
        b'{"\\uDfff": 1}',
        b'"\\ud83dx\\ude00"',
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
