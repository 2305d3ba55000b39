"""What policies demand of images: read strictly, matched by the first entry, tightened only."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest
from madepolicy import Organisation

from imgforge import policy as policies
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.policy import Policy, downstream, file, keys, kinds
from imgforge.policy.schema import json_schema
from imgforge.signing import statement
from imgforge.signing.claims import CLAIMS
from imgforge.signing.proof import Witnesses
from imgforge.signing.statement import TYPES
from imgforge.verify.demand import Attested, Demand, SignedBy

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
WHOLE = f"""\
[[images]]
match = "registry.test/acme/*"
platforms = "index"

[[images.signed-by]]
key = "keys/release.pub"
digest = "{A}"
trusted-root = "root.json"
root-digest = "{B}"
log = "required"

[[images.signed-by]]
identity = "https://github.com/acme/*"
issuer = "https://token.actions.githubusercontent.com"
repository = "acme/web"
ref = "refs/heads/main"
workflow = "*release.yml*"
trigger = "push"
log = "waived"
timestamp = "required"

[[images.attested]]
type = "provenance"
builder = "https://github.com/*"
source = "https://github.com/acme/web"
ref = "refs/*"
build-type = "https://*"
locked = "imgforge.lock"

[[images.attested]]
type = "spdx"
true = true

[[images.attested]]
type = "findings"
below = "high"
max-age = 7

[[images.attested]]
type = "https://example.com/review/v1"
where = {{"/by/0" = "*@example.com"}}

[[images]]
match = "*"

[[images.signed-by]]
identity = "dev@example.com"
issuer = "https://accounts.example.com"
trusted-root = "root.json"
digest = "{A}"
"""
ONE = '[[images]]\nmatch = "*"\n[[images.signed-by]]\n'
BY_KEY = ONE + 'key = "a.pub"\n'
BY_NAME = ONE + 'identity = "dev@example.com"\nissuer = "https://accounts.example.com"\n'


def read(text: str, folder: Path = Path("/p")) -> Policy:
    return file.parse(text.encode(), folder / "policy.toml")


def test_reads_everything() -> None:
    first, second = read(WHOLE).images[0].demands
    assert first == Demand(
        signed_by=(
            SignedBy(
                key=Path("/p/keys/release.pub"),
                digest=A,
                trusted_root=Path("/p/root.json"),
                root_digest=B,
                witnesses=Witnesses(log=True),
            ),
            SignedBy(
                identity="https://github.com/acme/*",
                issuer="https://token.actions.githubusercontent.com",
                claims={
                    "repository": "acme/web",
                    "ref": "refs/heads/main",
                    "workflow": "*release.yml*",
                    "trigger": "push",
                },
                witnesses=Witnesses(timestamp=True),
            ),
        ),
        attested=(
            Attested(
                statement.PROVENANCE,
                builder="https://github.com/*",
                source="https://github.com/acme/web",
                ref="refs/*",
                build_type="https://*",
                locked=Path("/p/imgforge.lock"),
            ),
            Attested(statement.SPDX, true=True),
            Attested(statement.FINDINGS, below="high", max_age=7),
            Attested("https://example.com/review/v1", where={"/by/0": "*@example.com"}),
        ),
        match="registry.test/acme/*",
        through_index=True,
    )
    assert second.signed_by[0].witnesses == Witnesses(log=True)
    assert second.signed_by[0].pins == ((Path("/p/root.json"), A),)
    assert read(BY_KEY).images[0].demands[0].signed_by[0].witnesses == Witnesses()


def test_the_names_are_those_of_claims_and_types() -> None:
    assert {*keys.CLAIMS, "identity", "issuer"} == CLAIMS.keys()
    assert tuple(TYPES) == kinds.TYPES
    assert keys.CONDITIONS.keys() == TYPES.keys()


def test_the_schema_says_what_the_reader_does() -> None:
    judge = jsonschema.Draft202012Validator(json_schema())
    judge.validate(tomllib.loads(WHOLE))
    for text in (*UNREADABLE, ONE, '[[images]]\nmatch = "*"\n'):
        assert not judge.is_valid(tomllib.loads(text)), text


UNREADABLE = (
    BY_KEY + 'identity = "a@example.com"\n',
    BY_KEY + 'issuer = "https://accounts.example.com"\n',
    BY_KEY + 'ref = "x"\n',
    BY_KEY + 'log = "maybe"\n',
    BY_KEY + "log = true\n",
    BY_KEY + 'digest = "sha256:abc"\n',
    BY_NAME + 'root-digest = "sha256:abc"\n',
    BY_NAME + 'branch = "main"\n',
    ONE + 'identity = "dev@example.com"\n',
    ONE + 'issuer = "https://accounts.example.com"\n',
    '[[images]]\nmatch = "*"\nsigned-by = []\n',
    '[[images]]\nmatch = "*"\nsigned-by = 1\n',
    "[[images]]\n[[images.signed-by]]\nkey='k'\n",
    "images = 1\n",
    "images = [1]\n",
    *(
        BY_KEY + f"[[images.attested]]\n{rest}\n"
        for rest in (
            "",
            'type = "spd"',
            "type = 1",
            'type = "spdx"\nbelow = "never"',
            'type = "spdx"\nmax-age = -1',
            'type = "spdx"\ntrue = "yes"',
            'type = "spdx"\nwhere = {}',
            'type = "spdx"\nwhere = {"a" = "b"}',
            'type = "spdx"\nwhere = {"/a~2" = "b"}',
            'type = "spdx"\nwhere = {"/a" = 1}',
            'type = "spdx"\nwhere = {"/a" = ""}',
        )
    ),
)
MEANINGLESS = (
    ONE + 'identity = "*"\nissuer = "https://accounts.example.com"\n',
    ONE + 'identity = "https://*"\nissuer = "https://accounts.example.com"\n',
    ONE + 'identity = "[a-z0-9]*"\nissuer = "https://accounts.example.com"\n',
    ONE + 'identity = "dev@example.com"\nissuer = "https://*"\n',
    BY_KEY + f'root-digest = "{A}"\n',
    BY_NAME + f'digest = "{A}"\n',
    BY_KEY + '[[images.attested]]\ntype = "spdx"\nbuilder = "x"\n',
    BY_KEY + '[[images.attested]]\ntype = "https://spdx.dev/Document"\nbelow = "low"\n',
    BY_KEY + '[[images.attested]]\ntype = "findings"\ntrue = true\n',
    BY_KEY + '[[images.attested]]\ntype = "provenance"\nmax-age = 1\n',
)


@pytest.mark.parametrize("text", [*UNREADABLE, *MEANINGLESS, ONE, '[[images]]\nmatch = "*"\n'])
def test_refuses(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(text)
    assert all("images" in line for line in caught.value.details)


def test_tells_the_line_of_what_is_wrong() -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(BY_NAME + 'ref = 1\n[[images.attested]]\ntype = "sbom"\n')
    first, second = caught.value.details
    assert ":6: images[0].signed-by[0].ref: " in first
    assert ":8: images[0].attested[0].type: " in second


def test_the_first_entry_that_matches_counts_and_one_must() -> None:
    policy = read(WHOLE)
    (demand,) = policy.demands("registry.test/acme/web")
    assert demand.through_index
    (demand,) = policy.demands("other.test/web")
    assert demand.match == "*"
    only = read(BY_KEY.replace('"*"', '"registry.test/*"'))
    with pytest.raises(EvidenceError, match=r"no \[\[images\]\] in .*policy\.toml matches web"):
        only.demands("web")
    assert Policy().demands("web") == ()


def layered(*texts: str) -> Policy:
    return downstream.combined([(f"{n}", read(text)) for n, text in enumerate(texts)])


def test_every_policy_that_speaks_of_images_is_met() -> None:
    both = layered(BY_KEY, BY_NAME).demands("web")
    assert [bool(demand.signed_by[0].key) for demand in both] == [True, False]
    assert len(layered('fail-on = "high"\n', BY_KEY).demands("web")) == 1
    assert len(layered(BY_KEY, 'fail-on = "high"\n').demands("web")) == 1


def test_of_what_a_policy_does_not_match_others_say_something_only_if_it_lets_them() -> None:
    outer = BY_KEY.replace('"*"', '"registry.test/*"')
    with pytest.raises(EvidenceError, match=r"in /p/policy\.toml matches web"):
        layered(outer, BY_NAME).demands("web")
    letting = "[delegate]\ntrust = true\n" + outer
    (demand,) = layered(letting, BY_NAME).demands("web")
    assert demand.signed_by[0].identity
    assert len(layered(letting, BY_NAME).demands("registry.test/web")) == 2
    with pytest.raises(EvidenceError):
        layered(letting, BY_NAME.replace('"*"', '"x"')).demands("web")
    # Nobody below the innermost policy is left to say it.
    with pytest.raises(EvidenceError):
        layered(letting).demands("web")


def test_a_pinned_policy_pins_the_files_it_names(tmp_path: Path) -> None:
    org = Organisation(tmp_path, {"IMGFORGE_CONFIG": str(tmp_path / "config.toml")})

    def pinned(text: str) -> Policy:
        org.write(text)
        org.pin("digest")
        return policies.effective(None, org.environ)

    loose = (
        BY_KEY,
        BY_NAME + 'trusted-root = "root.json"\n',
        BY_KEY + f'digest = "{A}"\ntrusted-root = "root.json"\n',
        BY_KEY + f'digest = "{A}"\n[[images.attested]]\ntype = "provenance"\nlocked = "l"\n',
    )
    for text in loose:
        with pytest.raises(InvalidInputError, match="is pinned and names"):
            pinned(text)
    assert pinned(BY_KEY + f'digest = "{A}"\n').demands("web")
    assert pinned(BY_NAME).demands("web")


def test_the_files_of_demands_decide_what_a_policy_is(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(WHOLE)
    found = policies.files(tmp_path / "policy.toml", {})
    names = ("policy.toml", "keys/release.pub", "root.json", "imgforge.lock")
    assert found == tuple(tmp_path / name for name in names)


@pytest.mark.parametrize(
    "text",
    ["images = 1\n", "images = [1, {signed-by = 1}]\n", "[[images]]\nsigned-by = [1, {key = 1}]\n"],
)
def test_files_of_a_malformed_policy_are_named_as_far_as_they_can_be(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    assert policies.files(path, {}) == (path,)
