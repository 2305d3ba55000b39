from __future__ import annotations

import base64
import struct
import tomllib

import pytest

from imgforge.bases import steps, tree
from imgforge.bases.deb import Deb
from imgforge.bases.definitions import (
    CaBundle,
    Definition,
    JavaKeystore,
    LdSoCache,
    PhpModules,
    PythonBytecode,
    parse,
)
from imgforge.errors import BuildFailedError, RegistryError
from imgforge.oci.layer import MTIME, Entry

PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def defined(text: str = "") -> Definition:
    head = 'name = "demo"\nsummary = ""\nsuite.trixie.end-of-life = 2030-01-01\n'
    return parse(b"", tomllib.loads(head + text), "demo.toml")


def files(**contents: bytes) -> tree.Tree:
    return {path: Entry(path, 0o644, data=data) for path, data in contents.items()}


def test_patterns_drop_what_they_name_and_all_beneath() -> None:
    definition = defined(
        'drop = ["usr/share/doc", "etc/cron.*", "usr/sbin/*"]\n'
        'keep = ["usr/share/doc/*/copyright", "usr/sbin/ldconfig"]\n'
    )
    content = files(
        **{
            "usr/share/doc/a/copyright": b"",
            "usr/share/doc/a/b/copyright": b"",
            "usr/share/doc/a/changelog": b"",
            "usr/share/docs": b"",
            "etc/cron.d/x": b"",
            "etc/crontab": b"",
            "usr/sbin/ldconfig": b"",
            "usr/sbin/other": b"",
        }
    )
    assert sorted(tree.chosen(content, [definition])) == [
        "etc/crontab",
        "usr/sbin/ldconfig",
        "usr/share/doc/a/copyright",
        "usr/share/docs",
    ]


def test_patterns_of_parents_count() -> None:
    parent, child = defined('drop = ["a", "b"]'), defined('keep = ["b"]\ndrop = ["c"]')
    assert list(tree.chosen(files(a=b"", b=b"", c=b"", d=b""), [parent, child])) == ["b", "d"]


def test_links_to_usr_are_made_where_they_are_needed_and_missing() -> None:
    own = files(**{"usr/bin/a": b"", "usr/lib64/b": b"", "usr/library": b""})
    found = {e.path: e.link for e in tree.merged_links(own, {})}
    assert found == {"bin": "usr/bin", "lib64": "usr/lib64"}
    below = {"bin": Entry("bin", 0o777, link="usr/bin")}
    assert [e.path for e in tree.merged_links(own, below)] == ["lib64"]


def test_records_name_only_what_is_there() -> None:
    sums = b"0" * 32 + b"  usr/bin/a\n" + b"1" * 32 + b"  usr/share/man/a.1\n"
    deb = Deb(b"Package: a\n\n", sums, ())
    found = {e.path: e.data for e in tree.records({"a": deb}, files(**{"usr/bin/a": b""}))}
    assert found == {
        "var/lib/dpkg/status.d/a": b"Package: a\n",
        "var/lib/dpkg/status.d/a.md5sums": b"0" * 32 + b"  usr/bin/a\n",
    }


def test_a_layer_lists_its_parents_first_with_the_modes_they_have_below() -> None:
    below = {"tmp": Entry("tmp", 0o1777), "home/me": Entry("home/me", 0o700, 5, 5)}
    here = files(**{"tmp/x": b"", "home/me/y": b"", "new/z": b""})
    assert [(e.path, e.mode, e.uid) for e in tree.completed(here, below)] == [
        ("home", 0o755, 0),
        ("home/me", 0o700, 5),
        ("home/me/y", 0o644, 0),
        ("new", 0o755, 0),
        ("new/z", 0o644, 0),
        ("tmp", 0o1777, 0),
        ("tmp/x", 0o644, 0),
    ]


@pytest.mark.parametrize(
    ("below", "here"),
    [
        ({}, {"a": Entry("a", 0o777, link="/etc"), "a/passwd": Entry("a/passwd", 0o644, data=b"")}),
        ({"a": Entry("a", 0o777, link="/etc")}, files(**{"a/passwd": b""})),
        ({"a": Entry("a", 0o644, data=b"")}, files(**{"a/b": b""})),
        ({"a": Entry("a", 0o755)}, files(a=b"")),
    ],
)
def test_no_path_leads_through_a_link_or_file(below: tree.Tree, here: tree.Tree) -> None:
    with pytest.raises(RegistryError):
        tree.completed(here, below)


def test_two_packages_may_share_a_directory_but_no_file() -> None:
    one = Deb(b"", b"", (Entry("d", 0o755), Entry("d/x", 0o644, data=b"1")))
    two = Deb(b"", b"", (Entry("d", 0o700), Entry("d/y", 0o644, data=b"1")))
    assert list(tree.unpacked({"b": two, "a": one})) == ["d", "d/x", "d/y"]
    assert tree.unpacked({"b": two, "a": one})["d"].mode == 0o755
    clash = Deb(b"", b"", (Entry("d/x", 0o644, data=b"2"),))
    with pytest.raises(RegistryError, match="package b overwrites d/x"):
        tree.unpacked({"a": one, "b": clash})


@pytest.mark.parametrize("name", ["sh", "bash", "dash", "busybox", "zsh", "rbash"])
def test_a_shell_needs_leave(name: str) -> None:
    content = files(**{f"usr/bin/{name}": b"", "usr/bin/splash": b""})
    with pytest.raises(BuildFailedError, match="would hold a shell"):
        tree.refuse_shells(content, defined())
    tree.refuse_shells(content, defined("shell = true"))
    del content[f"usr/bin/{name}"]
    tree.refuse_shells(content, defined())


def test_what_a_definition_declares() -> None:
    definition = defined(
        '[[directory]]\npath = "d"\nuid = 5\n[[link]]\npath = "l"\ntarget = "/d"\n'
        '[[file]]\npath = "f"\ntext = """\nx\n"""\nmode = "0600"\n'
    )
    assert list(tree.declared(definition, "amd64")) == [
        Entry("d", 0o755, 5, 0),
        Entry("l", 0o777, link="/d"),
        Entry("f", 0o600, data=b"x\n"),
    ]


def test_the_ca_bundle_holds_the_certificates_of_its_source_in_order() -> None:
    source = files(
        **{
            "usr/share/ca-certificates/mozilla/b.crt": PEM.replace(b"MIIB", b"MIIC"),
            "usr/share/ca-certificates/mozilla/a.crt": PEM.rstrip(),
            "usr/share/doc/ca-certificates/examples/example.crt": b"not a certificate",
        }
    )
    out: tree.Tree = {}
    steps.apply(CaBundle(kind="ca-bundle", minimum=2), steps.Site(source, out, (), "amd64"))
    assert out["etc/ssl/certs/ca-certificates.crt"].data == PEM + PEM.replace(b"MIIB", b"MIIC")


@pytest.mark.parametrize("content", [b"", PEM[:-10], PEM + PEM, b"x" + PEM])
def test_one_bad_certificate_stops_the_bundle(content: bytes) -> None:
    source = files(**{"usr/share/ca-certificates/a.crt": content})
    with pytest.raises(RegistryError, match="not one PEM certificate"):
        steps.apply(CaBundle(kind="ca-bundle", minimum=1), steps.Site(source, {}, (), "amd64"))


def test_too_few_certificates_stop_the_bundle() -> None:
    source = files(**{"usr/share/ca-certificates/a.crt": PEM})
    with pytest.raises(RegistryError, match="1 CA certificates, 2 expected"):
        steps.apply(CaBundle(kind="ca-bundle", minimum=2), steps.Site(source, {}, (), "amd64"))


def test_a_loader_cache_is_not_made_of_nothing() -> None:
    out: tree.Tree = {}
    steps.apply(LdSoCache(kind="ld-so-cache"), steps.Site({}, out, (), "amd64"))
    assert out == {}


def test_bytecode_needs_an_interpreter_that_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    step = PythonBytecode(kind="python-bytecode", version="3.13", directory="usr/lib/python3.13")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(BuildFailedError, match="none for amd64 is part") as caught:
        steps.apply(step, steps.Site({}, {}, (), "arm64"))
    assert "lock for linux/amd64 too" in (caught.value.hint or "")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(BuildFailedError, match="none for riscv64 is part") as caught:
        steps.apply(step, steps.Site({}, {}, (), "amd64"))
    assert "registry" in (caught.value.hint or "")


def test_a_java_key_store_holds_the_bundles_certificates() -> None:
    """Read back field by field, as the format is described in OpenJDK's JavaKeyStore."""
    bodies = [b"first certificate", b"second certificate, a little longer"]
    bundle = b"".join(
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(b) + b"-----END CERTIFICATE-----\n"
        for b in bodies
    )
    below = files(**{"etc/ssl/certs/ca-certificates.crt": bundle})
    out: tree.Tree = {}
    step = JavaKeystore(kind="java-keystore", minimum=2)
    steps.apply(step, steps.Site({}, out, (below,), "amd64"))
    data = out["etc/ssl/certs/java/cacerts"].data or b""
    assert struct.unpack_from(">III", data) == (0xFEEDFEED, 2, 2)
    at, aliases = 12, []
    for body in bodies:
        tag, length = struct.unpack_from(">IH", data, at)
        alias = data[at + 6 : at + 6 + length]
        aliases.append(alias)
        at += 6 + length
        when, kind = struct.unpack_from(">qH", data, at)
        assert (tag, when, kind) == (2, MTIME * 1000, 5)
        assert data[at + 10 : at + 15] == b"X.509"
        (size,) = struct.unpack_from(">I", data, at + 15)
        assert data[at + 19 : at + 19 + size] == body
        at += 19 + size
    assert len(set(aliases)) == 2
    assert len(data) == at + 20
    with pytest.raises(RegistryError, match=r"2 certificates in .*, 3 expected"):
        steps.apply(step.model_copy(update={"minimum": 3}), steps.Site({}, {}, (below,), "amd64"))


def test_phps_extensions_are_turned_on_in_debians_order() -> None:
    below = files(**{"usr/share/php8.4-common/common/pdo.ini": b"; priority=10\nextension=pdo\n"})
    own = files(
        **{
            "usr/share/php8.4-xml/xml/xmlreader.ini": b"; priority=20\nextension=xmlreader\n",
            "usr/share/php8.4-odd/odd/odd.ini": b"extension=odd\n",
            "usr/share/php8.2-xml/xml/dom.ini": b"; priority=15\n",
            "usr/share/php8.4-xml/README.ini": b"",
        }
    )
    before = set(own)
    steps.apply(
        PhpModules(kind="php-modules", version="8.4"), steps.Site({}, own, (below,), "amd64")
    )
    assert {p: own[p].link for p in set(own) - before} == {
        "etc/php/8.4/cli/conf.d/10-pdo.ini": "/usr/share/php8.4-common/common/pdo.ini",
        "etc/php/8.4/cli/conf.d/20-odd.ini": "/usr/share/php8.4-odd/odd/odd.ini",
        "etc/php/8.4/cli/conf.d/20-xmlreader.ini": "/usr/share/php8.4-xml/xml/xmlreader.ini",
    }
