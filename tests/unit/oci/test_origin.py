from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.oci import origin

_NEAR = (
    "localhost a.localhost 127.0.0.1 127.1 0x7f.1 2130706433 0.0.0.0 0 ::1 [::1] :: "
    "::ffff:127.0.0.1 169.254.169.254 fe80::1 fe80::1%eth0"
)


@pytest.mark.parametrize("host", _NEAR.split())
def test_what_only_this_machine_has_is_near(host: str) -> None:
    assert origin.is_near(host)


@pytest.mark.parametrize(
    "host", ["example.com", "10.0.0.1", "192.168.1.1", "localhost.example.com", "2001:db8::1", "x"]
)
def test_other_places_are_not_near(host: str) -> None:
    assert not origin.is_near(host)


def test_settings_say_what_may_be_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[registry]\ninsecure = ["10.0.0.1:5000", "r.io"]\n')
    monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
    monkeypatch.delenv("IMGFORGE_INSECURE_REGISTRIES", raising=False)
    assert origin.may_be_plain("10.0.0.1:5000")
    assert origin.may_be_plain("r.io")
    assert not origin.may_be_plain("10.0.0.1")
    assert not origin.may_be_plain("r.io:80")
    monkeypatch.setenv("IMGFORGE_INSECURE_REGISTRIES", "other.io")
    assert origin.may_be_plain("other.io")
    assert not origin.may_be_plain("r.io")
