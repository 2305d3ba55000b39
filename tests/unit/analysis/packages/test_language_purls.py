from __future__ import annotations

import pytest
from packageurl import PackageURL

from imgforge.analysis.facts import Package
from imgforge.analysis.purl import build

PURLS = [
    ("pypi", "", "ruamel-yaml", "0.18.6+local.1", "pkg:pypi/ruamel-yaml@0.18.6%2Blocal.1"),
    ("npm", "@babel", "core", "7.24.7", "pkg:npm/%40babel/core@7.24.7"),
    ("npm", "", "lodash", "", "pkg:npm/lodash"),
    ("gem", "", "nokogiri", "1.15.0", "pkg:gem/nokogiri@1.15.0"),
    ("composer", "symfony", "console", "5.4.1", "pkg:composer/symfony/console@5.4.1"),
    ("composer", "a", "b", "dev-main#1", "pkg:composer/a/b@dev-main%231"),
    ("nuget", "", "Newtonsoft.Json", "13.0.3", "pkg:nuget/Newtonsoft.Json@13.0.3"),
    ("conda", "", "numpy", "1.26.4", "pkg:conda/numpy@1.26.4"),
    ("pear", "pecl.php.net", "redis", "6.0.2", "pkg:pear/pecl.php.net/redis@6.0.2"),
]


@pytest.mark.parametrize(("kind", "namespace", "name", "version", "purl"), PURLS)
def test_purls_are_those_of_the_reference_library(
    kind: str, namespace: str, name: str, version: str, purl: str
) -> None:
    package = Package(kind, name, version, "", "", "", ("x",), namespace=namespace)
    assert build(package, {}) == purl
    assert PackageURL.from_string(purl).to_string() == purl
    assert PackageURL(kind, namespace, name, version).to_string() == purl


def test_a_gem_for_one_platform() -> None:
    purl = "pkg:gem/nokogiri@1.15.0?platform=x86_64-linux"
    package = Package("gem", "nokogiri", "1.15.0", "", "", "", ("x",), architecture="x86_64-linux")
    assert build(package, {}) == purl
    assert PackageURL.from_string(purl).to_string() == purl
