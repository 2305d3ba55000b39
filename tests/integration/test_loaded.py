"""What a build loads, for it is run most often: nothing that signs, unless it signs."""

from __future__ import annotations

from pathlib import Path

from loaded import SIGNING, loaded
from running import Key, imgforge

SPEC = """\
[image]
name = "acme/tool"

[stack]
name = "binary"

[app]
source = ["tool"]
entrypoint = ["/app/tool"]
"""


def test_a_build_loads_what_signs_only_if_it_signs(tmp_path: Path, key: Key) -> None:
    (tmp_path / "imgforge.toml").write_text(SPEC)
    (tmp_path / "tool").write_text("#!/app/none\n")
    (tmp_path / "tool").chmod(0o755)
    imgforge("lock", cwd=tmp_path)
    build = ("build", "--engine", "native", "--output", tmp_path / "out")
    loaded(*build, cwd=tmp_path, codes=(0, 10))  # makes the base, which it may have to fetch
    (tmp_path / "tool").write_text("#!/app/none else\n")
    for _ in range(2):  # anew, and nothing changed
        modules = loaded(*build, cwd=tmp_path, codes=(0, 10))
        assert not modules & SIGNING
    signed = loaded(*build, "--key", key.private, cwd=tmp_path, env=key.env, codes=(0, 10))
    assert signed & SIGNING == {"cryptography", "imgforge.signing", "nacl"}
