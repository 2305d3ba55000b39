"""Small applications for the versions of our stacks that no example is built on."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running import EXAMPLE_NAMES, EXAMPLES, copy_committed, docker, imgforge

from imgforge import cache, project, stack
from imgforge.engines import docker as engine
from imgforge.files import LOCK
from imgforge.oci.layout import Layout
from imgforge.trial import expect
from imgforge.trial.expect import Expectation

Version = tuple[str, str]
"""A stack's name, and one of the versions that it offers."""


@dataclass(frozen=True, slots=True)
class App:
    """A project: ``files`` (path → text), which replace those of the ``example``, if one is named.

    ``spec`` is what to replace with what in its ``imgforge.toml``; ``expected`` is its
    ``expect.toml``, if not the example's.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    example: str = ""
    spec: tuple[tuple[str, str], ...] = ()
    expected: Mapping[str, Any] = field(default_factory=dict)


def spec(stack: str, version: str, table: str, app: str) -> str:
    """Return a spec; ``table`` is what stands in [stack] besides, ``app`` what stands in [app]."""
    return (
        f'[image]\nname = "test/versioned"\nversion = "1.0.0"\nlicenses = "MIT"\n\n'
        f'[stack]\nname = "{stack}"\nversion = "{version}"\n{table}\n\n[app]\n{app}\n'
    )


JAVA = """\
package app;

public final class Main {
    public static void main(String[] words) {
        System.out.println("good day");
    }
}
"""
POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId>
  <artifactId>app</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <repositories>
    <repository><id>central</id><url>file:///usr/share/maven-repo</url></repository>
  </repositories>
  <pluginRepositories>
    <pluginRepository><id>central</id><url>file:///usr/share/maven-repo</url></pluginRepository>
  </pluginRepositories>
  <build>
    <plugins>
      <plugin>
        <artifactId>maven-jar-plugin</artifactId>
        <configuration>
          <archive><manifest><mainClass>app.Main</mainClass></manifest></archive>
        </configuration>
      </plugin>
    </plugins>
  </build>
</project>
"""
GRADLE = "apply plugin: 'application'\nmainClassName = 'app.Main'\n"
BUILDER = """\
build-packages = [
  "gradle",
  "libmaven-compiler-plugin-java",
  "libmaven-dependency-plugin-java",
  "libmaven-jar-plugin-java",
  "libmaven-resources-plugin-java",
  "libsurefire-java",
]
"""
"""One builder for both: making it takes longer than to build with it."""

MARKUP = 'import markupsafe._speedups as fast\nprint(fast.__file__, fast._escape_inner("<"))\n'
WHEEL = {"runs": [{"output": r"^/opt/deps/\S+\.cpython-311-\S+\.so &lt;\n$"}]}
MAIN_PY = """\
source = ["main.py"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "/app/main.py"]"""
OLDER_PHP = (("8.4", "8.2"),)

APPS: Mapping[Version, Mapping[str, App]] = {
    ("java", "17"): {
        build: App(
            {
                "imgforge.toml": spec(
                    *("java", "17", f'{BUILDER}parameters = {{ build = "{build}" }}'),
                    f'source = ["{manifest}", "src"]\nlock = "{build}.sha256"',
                ),
                manifest: text,
                "src/main/java/app/Main.java": JAVA,
                f"{build}.sha256": "",  # Gradle needs nothing from afar; for Maven see lock_maven
            },
            expected={"runs": [{"output": "^good day\n$"}]},
        )
        for build, manifest, text in (
            ("maven", "pom.xml", POM),
            ("gradle", "build.gradle", GRADLE),
        )
    },
    ("php", "8.2"): {
        "fpm": App(example="php-web", spec=OLDER_PHP),
        "built-in": App(
            example="php-web",
            spec=(*OLDER_PHP, ("[stack.parameters]", '[stack.parameters]\nserver = "built-in"')),
            expected={
                "port": 8080,
                "secrets": {"moderation-key": "made-up for this test, 16 bytes or more"},
                "probes": [{"path": "/healthz", "status": 200, "body": '"status":"ok"'}],
            },
        ),
    },
    ("python", "3.11"): {
        installer: App(
            {
                "imgforge.toml": spec(
                    "python", "3.11", f'parameters = {{ installer = "{installer}" }}', MAIN_PY
                ),
                "main.py": MARKUP,
                "requirements.txt": (
                    Path(__file__).parent.parent / "integration/parity-requirements.txt"
                ).read_text(encoding="utf-8"),
            },
            expected=WHEEL,
        )
        for installer in ("uv", "pip")
    },
    ("ruby", "3.1"): {"puma": App(example="ruby-web", spec=(('"3.3"', '"3.1"'),))},
}
"""What is built where no example is: one for each main way to build."""


def offered() -> Iterator[Version]:
    """Yield every version of every stack, as the stacks' own files have them."""
    for name in stack.names():
        yield from ((name, version) for version in stack.load(name).definition.versions)


@functools.cache
def of_examples() -> frozenset[Version]:
    """Return the versions that the examples are built on."""
    loaded = [project.load(EXAMPLES / name) for name in EXAMPLE_NAMES]
    return frozenset((p.spec.stack.name, p.choice.version) for p in loaded)


def write(app: App, version: Version, folder: Path) -> Expectation:
    """Write the project into ``folder`` and lock it; return what its image must do."""
    if app.example:
        copy_committed(app.example, folder)
    for name, text in app.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    path = folder / "imgforge.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in app.spec:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    loaded = project.load(folder)
    assert (loaded.spec.stack.name, loaded.choice.version) == version
    imgforge("lock", "--upgrade", cwd=folder)
    if loaded.choice.manager == "maven":
        lock_maven(folder)
    return Expectation.model_validate(app.expected) if app.expected else expect.read(folder)


MEND = """\
cp -R /project /tmp/project && cd /tmp/project
mvn --batch-mode --quiet -Dmaven.repo.local=target/repository -Dmaven.test.skip=true package \
  org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies -DincludeScope=runtime >&2
cd target/repository
find * -name '*.jar' -o -name '*.pom' | LC_ALL=C sort | xargs sha256sum
"""
"""As the README of stack java has it."""


SPOIL = """\
FROM {name}
RUN --mount=type=cache,target=/root/.m2/repository cd /root/.m2/repository && \\
    mkdir -p {folder} && echo other > {folder}/{file}
"""
"""Leaves in Maven's cache what a build on another release of Debian has under the same name."""


def lock_maven(folder: Path) -> None:
    """Make ``maven.sha256`` in the project's builder base: its Maven repository is Debian's.

    One of the files that it lists is in the engine's cache afterwards, with other bytes.
    """
    locked = tomllib.loads((folder / LOCK).read_text(encoding="utf-8"))
    digest = locked["builder"]["digest"].removeprefix("sha256:")
    layout = Layout.open(cache.directory("bases") / digest)
    name = "imgforge-test/builder:maven"
    engine.load(layout, layout.images(layout.index()[0])[0], [name])
    volume = f"--volume={folder}:/project:ro"
    try:
        sums = docker("run", "--rm", "--network=none", volume, name, "sh", "-euc", MEND).stdout
        place, _, file = sums.splitlines()[0][66:].rpartition("/")
        spoil = folder / "Spoil"
        spoil.write_text(SPOIL.format(name=name, folder=place, file=file), encoding="utf-8")
        docker("buildx", "build", "--file", spoil, "--output", "type=cacheonly", folder)
    finally:
        docker("image", "rm", "--force", name)
    (folder / "maven.sha256").write_text(sums, encoding="utf-8")
