"""A private Maven repository: HTTPS with an authority of its own, and a password."""

from __future__ import annotations

import base64
import hashlib
import io
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import guardedindex
import pytest
from guardedindex import GuardedIndex
from running import copy_example, docker, imgforge

WORD = "made-up-word-of-this-test"
"""The password."""

GROUP = f"test.w{uuid.uuid4().hex}"
"""Of another run nothing is found in the engine's cache, so what is private is asked for."""

NAME = "acme/invoices:1.0.0"
MAIN = """\
package invoices;

public final class Main {
    public static void main(String[] none) throws Exception {
        try (var found = Main.class.getResourceAsStream("/said.txt")) {
            found.transferTo(System.out);
        }
    }
}
"""
POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{GROUP}</groupId><artifactId>said</artifactId><version>1.0</version>
</project>
"""
NEEDED = f"""\
    <dependency>
      <groupId>{GROUP}</groupId><artifactId>said</artifactId><version>1.0</version>
    </dependency>
  </dependencies>
"""
REPOSITORY = """\
    <repository><id>company</id><url>https://repository.example.test/maven</url></repository>
  </repositories>
"""


def library() -> dict[str, bytes]:
    """Return the files of a library, by their paths in a repository."""
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(zipfile.ZipInfo("said.txt"), "from a private repository\n")
        place = f"META-INF/maven/{GROUP}/said/pom.properties"
        known = f"groupId={GROUP}\nartifactId=said\nversion=1.0\n"
        archive.writestr(zipfile.ZipInfo(place), known)
    stem = f"{GROUP.replace('.', '/')}/said/1.0/said-1.0"
    return {f"{stem}.jar": jar.getvalue(), f"{stem}.pom": POM.encode()}


@pytest.fixture
def repository(
    engine: str,  # noqa: ARG001 - its bridge is asked for
    tmp_path: Path,
) -> Iterator[GuardedIndex]:
    """Serve the library to whoever has the password."""
    credential = "Basic " + base64.b64encode(f"ada:{WORD}".encode()).decode()
    folder = tmp_path / "repository"
    folder.mkdir()
    with guardedindex.started(folder, credential) as index:
        index.files = {f"/maven/{path}": data for path, data in library().items()}
        yield index
    docker("image", "rm", "--force", NAME, code=None)


def test_a_library_comes_from_a_private_repository_with_a_password_that_nobody_finds(
    repository: GuardedIndex, tmp_path: Path
) -> None:
    folder = copy_example("java-maven", tmp_path / "app")
    spec = (folder / "imgforge.toml").read_text(encoding="utf-8")
    simple = spec.replace("jlink = true\n", "")
    assert simple != spec
    (folder / "imgforge.toml").write_text(simple, encoding="utf-8")
    imgforge("lock", cwd=folder)
    (folder / "src/main/java/invoices/Main.java").write_text(MAIN, encoding="utf-8")
    pom = (folder / "pom.xml").read_text(encoding="utf-8")
    pom = pom.replace("  </dependencies>\n", NEEDED, 1)
    pom = pom.replace("  </repositories>\n", REPOSITORY, 1)
    assert pom.count(GROUP) == pom.count("example.test") == 1
    (folder / "pom.xml").write_text(pom, encoding="utf-8")
    lock = (folder / "maven.sha256").read_text(encoding="utf-8")
    lines = [f"{hashlib.sha256(data).hexdigest()}  {path}" for path, data in library().items()]
    lines = sorted([*lock.splitlines(), *lines], key=lambda line: line[66:])
    (folder / "maven.sha256").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = tmp_path / "config.toml"
    config.write_text(
        f'[network]\nca = "{repository.bundle}"\n[indexes.maven]\n'
        f'url = "{repository.url}/maven"\ncredentials = "env:MAVEN_LOGIN"\n',
        encoding="utf-8",
    )
    machine = {"IMGFORGE_CONFIG": str(config), "MAVEN_LOGIN": f"ada:{WORD}"}
    flags = ("build", "--engine", "buildkit", "--load", "-v")
    said = imgforge(*flags, cwd=folder, env=machine)
    assert "0 findings" in said.stderr
    assert WORD not in said.stdout + said.stderr
    assert {path for path in repository.served if not path.endswith(".sha1")} >= {
        f"/maven/{path}" for path in library()
    }
    kept = [p for p in (folder / ".imgforge").rglob("*") if p.is_file() and not p.is_symlink()]
    assert kept
    assert not [p for p in kept if WORD.encode() in p.read_bytes()]
    plain = ("--rm", "--read-only", "--cap-drop", "ALL", "--network", "none")
    ran = docker("run", *plain, "--security-opt", "no-new-privileges", NAME)
    assert ran.stdout == "from a private repository\n"
