from __future__ import annotations

import pytest

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import ruby

WRITTEN = r"""# -*- encoding: utf-8 -*-
# stub: nokogiri 1.15.0 x86_64-linux lib
# stub: ext/nokogiri/extconf.rb

Gem::Specification.new do |s|
  s.name = "nokogiri".freeze
  s.version = "1.15.0"
  s.platform = "x86_64-linux".freeze

  s.required_rubygems_version = Gem::Requirement.new(">= 0".freeze)
  s.authors = ["Andr\u00E9 \"A\"".freeze, 'Bo'.freeze]
  s.description = "s.name = \"fake\"\ns.version = \"6.6.6\"".freeze
  s.licenses = ["MIT".freeze, "Ruby".freeze]
  s.add_runtime_dependency(%q<racc>.freeze, ["~> 1.4"])
  s.add_runtime_dependency("mini_portile2", ">= 2")
  s.add_development_dependency(%q<rake>.freeze, [">= 0"])
end
"""
OLD = """# stub: rack 2.2.22 ruby lib
Gem::Specification.new do |s|
  s.name = "rack"
  s.version = "2.2.22"
  s.licenses = ["MIT"]
  if s.respond_to? :add_runtime_dependency then
    s.add_runtime_dependency(%q<real>, [">= 0"])
    s.add_development_dependency(%q<minitest>, ["~> 5.0"])
  else
    s.add_dependency(%q<real>, [">= 0"])
    s.add_dependency(%q<minitest>, ["~> 5.0"])
  end
end
"""
HOME = "usr/local/bundle/"
PATH = HOME + "specifications/nokogiri-1.15.0-x86_64-linux.gemspec"


def test_all_that_a_gem_says() -> None:
    assert ruby.wants(PATH, PATH.rpartition("/")[2])
    assert ruby.read(PATH, WRITTEN.encode()) == [
        Package(
            "gem",
            "nokogiri",
            "1.15.0",
            purl="",
            licence="(MIT OR Ruby)",
            supplier='André "A", Bo',
            paths=(PATH,),
            architecture="x86_64-linux",
            depends=("mini_portile2", "racc"),
        )
    ]
    assert ruby.claims(PATH, WRITTEN.encode()) == [
        Claim(PATH, "gem:nokogiri", HOME + "gems/nokogiri-1.15.0-x86_64-linux/")
    ]


def test_what_was_compiled_of_it_is_its_own() -> None:
    path = HOME + "extensions/x86_64-linux/3.1.0/pg-1.4.5/gem_make.out"
    assert ruby.wants(path, "gem_make.out")
    assert not ruby.wants("tmp/gem_make.out", "gem_make.out")
    assert ruby.read(path, b"make\n") == []
    assert ruby.claims(path, b"make\n") == [
        Claim(path, "gem:pg", path.removesuffix("gem_make.out"))
    ]


def test_the_branch_for_old_rubygems_is_not_taken() -> None:
    (found,) = ruby.read("specifications/default/rack-2.2.22.gemspec", OLD.encode())
    assert (found.name, found.version, found.licence) == ("rack", "2.2.22", "MIT")
    assert (found.depends, found.architecture) == (("real",), "")


def test_without_a_stub_line_the_literals_count() -> None:
    text = (
        'Gem::Specification.new do |s|\n s.name = "a"\n s.version = Gem::Version.new("1.2")\nend\n'
    )
    (found,) = ruby.read("specifications/a-1.2.gemspec", text.encode())
    assert (found.name, found.version) == ("a", "1.2")


def test_a_checkout() -> None:
    folder = HOME + "bundler/gems/tool-0123456789ab/"
    path = folder + "tool.gemspec"
    text = (
        b'Gem::Specification.new do |spec|\n spec.version = Tool::VERSION\n spec.license = "MIT"\n'
    )
    assert ruby.wants(path, "tool.gemspec")
    (found,) = ruby.read(path, text)
    assert (found.name, found.version, found.licence) == ("tool", "", "MIT")
    assert found.found == "manifest"
    assert ruby.claims(path, text) == [Claim(path, "gem:tool", folder)]
    (found,) = ruby.read(path, b'x.name = "t#{1}"\nx.version = "3.#{2}"\n')
    assert (found.name, found.version) == ("tool", "")


@pytest.mark.parametrize(
    "path",
    [
        "gems/a-1.0/a.gemspec",
        "a.gemspec",
        "specifications/sub/a.gemspec",
        "bundler/gems/a/a.gemspec",
    ],
)
def test_sources_of_gems_are_no_records(path: str) -> None:
    assert not ruby.wants(path, path.rpartition("/")[2])


@pytest.mark.parametrize("text", ["", "\0", "# stub: a\n", 's.name = "a"\n', 's.version = "1"\n'])
def test_unreadable(text: str) -> None:
    with pytest.raises(ValueError, match="names no gem"):
        ruby.read("specifications/a.gemspec", text.encode())
