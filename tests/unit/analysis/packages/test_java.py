from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import madeimage as made
import pytest

from imgforge.analysis import LayerFacts
from imgforge.analysis.facts import Package
from imgforge.analysis.packages import java, pom

POM = """<?xml version="1.0"?><!-- a > b -->
<project xmlns="http://maven.apache.org/POM/4.0.0">
 <parent><groupId>up</groupId><version>9</version><licenses/></parent>
 <artifactId>lib</artifactId>
 <organization><name>Acme &amp; Sons</name></organization>
 <licenses><license><name>The Apache Software License, Version 2.0</name><url>u</url></license>
 <license><name>MIT License</name></license></licenses>
 <build><plugins><plugin><version>3</version></plugin></plugins></build>
</project>"""


def jar(**members: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def properties(group: str, artifact: str, version: str) -> dict[str, str]:
    text = f"#Generated\nversion={version}\ngroupId={group}\nartifactId={artifact}\n"
    return {f"META-INF/maven/{group}/{artifact}/pom.properties": text}


def manifest(**headers: str) -> dict[str, str]:
    lines = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
    return {"META-INF/MANIFEST.MF": f"Manifest-Version: 1.0\r\n{lines}\r\nName: x\r\n"}


def read(tmp_path: Path, path: str, data: bytes) -> LayerFacts:
    return made.layer(tmp_path, made.tar(made.file(path, data)))


def names(rows: tuple[Package, ...]) -> list[tuple[str, str, str, str, str]]:
    return [(r.ecosystem, r.namespace, r.name, r.version, r.inside) for r in rows]


def test_mavens_record_is_certain(tmp_path: Path) -> None:
    data = jar(
        **properties("org.acme", "lib", "1.0"), **{"META-INF/maven/org.acme/lib/pom.xml": POM}
    )
    facts = read(tmp_path, "app/lib-1.0.jar", data)
    assert names(facts.packages) == [("maven", "org.acme", "lib", "1.0", "")]
    (row,) = facts.packages
    assert row.licence == "Apache-2.0 OR MIT"
    assert row.supplier == "Acme & Sons"
    assert row.hashes == (
        f"sha1:{hashlib.sha1(data).hexdigest()}",  # noqa: S324 - what Maven Central knows files by
        f"sha256:{hashlib.sha256(data).hexdigest()}",
    )


def test_an_application_of_jars_in_a_jar(tmp_path: Path) -> None:
    inner = jar(**properties("org.acme", "inner", "2.0"))
    core = jar(
        **manifest(Implementation_Title="spring-core", Implementation_Version="6.1.0"),
        **{"org/springframework/core/X.class": b"\xca\xfe\xba\xbe" + bytes(9)},
    )
    data = jar(
        **manifest(Spring_Boot_Version="3.2.0"),
        **properties("org.acme", "app", "1.0"),
        **{
            "BOOT-INF/lib/inner-2.0.jar": inner,
            "BOOT-INF/lib/spring-core-6.1.0.jar": core,
            "BOOT-INF/classes/a/B.class": b"\xca\xfe\xba\xbe",
        },
    )
    facts = read(tmp_path, "app.jar", data)
    assert sorted(names(facts.packages)) == [
        ("maven", "org.acme", "app", "1.0", ""),
        ("maven", "org.acme", "inner", "2.0", "BOOT-INF/lib/inner-2.0.jar"),
        (
            *("maven", "org.springframework", "spring-core", "6.1.0"),
            "BOOT-INF/lib/spring-core-6.1.0.jar",
        ),
    ]
    assert facts.problems == ()
    sums = {row.name: row.hashes[1] for row in facts.packages}
    assert sums["inner"] == f"sha256:{hashlib.sha256(inner).hexdigest()}"


def test_what_was_unpacked_into_a_jar_is_in_it_without_its_digests(tmp_path: Path) -> None:
    data = jar(**properties("g", "all", "1"), **properties("h", "part", "2"))
    facts = read(tmp_path, "all-1.jar", data)
    assert {(r.name, bool(r.hashes)) for r in facts.packages} == {("all", True), ("part", False)}
    facts = read(tmp_path, "other-3.jar", jar(**properties("h", "part", "2")))
    assert names(facts.packages) == [
        ("generic", "", "other", "3", ""),
        ("maven", "h", "part", "2", ""),
    ]
    assert bool(facts.packages[0].hashes)


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("a/lib-1.2.3.jar", {}, ("generic", "", "lib", "1.2.3")),
        ("a/lib-x-1.2-rc.1.jar", {}, ("generic", "", "lib-x", "1.2-rc.1")),
        ("a/lib.jar", {"Bundle_Version": "4.5"}, ("generic", "", "lib", "4.5")),
        ("a/lib.jar", {"Implementation_Vendor_Id": "org.acme"}, ("generic", "", "lib", "")),
        # A name of Spring's on another's classes.
        ("a/spring-core-6.1.0.jar", {}, ("generic", "", "spring-core", "6.1.0")),
        (
            "root/.m2/repository/org/acme/lib/1.2/lib-1.2.jar",
            {},
            ("maven", "org.acme", "lib", "1.2"),
        ),
    ],
)
def test_no_group_is_invented(
    path: str, headers: dict[str, str], expected: tuple[str, ...], tmp_path: Path
) -> None:
    facts = read(tmp_path, path, jar(**manifest(**headers)))
    assert [name[:4] for name in names(facts.packages)] == [expected]


def test_a_zip_that_is_no_jar_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, "a.zip", jar(**manifest(A="b"))).packages == ()
    found = read(tmp_path, "a.zip", jar(**properties("g", "a", "1"))).packages
    assert names(found) == [("maven", "g", "a", "1", "")]


def test_a_record_that_maven_did_not_fill_in_is_none(tmp_path: Path) -> None:
    facts = read(tmp_path, "a-1.jar", jar(**properties("${g}", "a", "1")))
    assert names(facts.packages) == [("generic", "", "a", "1", "")]


def test_other_records_in_archives_are_found(tmp_path: Path) -> None:
    egg = {"lib.dist-info/METADATA": "Name: Lib\nVersion: 1\n"}
    facts = read(tmp_path, "app.pyz", jar(**egg, **{"in.zip": jar(**egg)}))
    assert sorted(names(facts.packages)) == [
        ("pypi", "", "lib", "1", "in.zip!/lib.dist-info/METADATA"),
        ("pypi", "", "lib", "1", "lib.dist-info/METADATA"),
    ]
    assert {row.paths[0] for row in facts.packages} == {"app.pyz"}
    broken = jar(**{"lib.dist-info/METADATA": "Name: Lib\n"})
    assert [p.kind for p in read(tmp_path, "app.pyz", broken).problems] == ["record"]


def test_the_runtime_says_what_it_is() -> None:
    text = b'IMPLEMENTOR="Acme"\nJAVA_VERSION="21.0.4"\nMODULES="java.base"\n'
    (row,) = java.read("opt/java/release", text)
    assert (row.name, row.version, row.supplier) == ("openjdk", "21.0.4", "Acme")
    assert row.cpes == ("cpe:2.3:a:oracle:openjdk:21.0.4:*:*:*:*:*:*:*",)
    assert java.read("etc/release", b"Some distribution 7\n") == []


def test_a_pom_is_read_and_nothing_in_it_expanded() -> None:
    assert pom.read(POM) == pom.Pom("9", "Apache-2.0 OR MIT", "Acme & Sons")
    bomb = '<!DOCTYPE p [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><project><version>&b;</version>'
    assert pom.read(bomb) == pom.Pom()
    for broken in ("<project><version>1", "<a></b>", "<!-- x", "<a <b>", "<a>" * 99, "text"):
        assert pom.read(broken).licence == ""
    assert pom.read("<!--" * 100_000) == pom.Pom()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache-2.0;link=https://x", "Apache-2.0"),
        ("https://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("The MIT License", "MIT"),
        ("Eclipse Public License v2.0", "EPL-2.0"),
        ("My own", "My own"),
    ],
)
def test_usual_names_of_licences_are_known(name: str, expected: str) -> None:
    assert pom.licence(name) == expected
