"""What the command line demands: alone, beside a policy, and never less than it seems to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imgforge.errors import InvalidInputError
from imgforge.signing.proof import Witnesses
from imgforge.signing.statement import (
    CYCLONEDX,
    FINDINGS,
    PROVENANCE,
    SPDX,
    VULNERABILITIES,
)
from imgforge.verify.demand import Attested, Demand, SignedBy
from imgforge.verify.flags import Flags

KEY = Path("a.pub")
NAMED: dict[str, Any] = {"identity": "dev@example.com", "issuer": "https://accounts.example.com"}
POLICY = Demand((SignedBy(key=Path("b.pub")),), (Attested(SPDX),), match="web")
OURS = [SPDX, CYCLONEDX, PROVENANCE, FINDINGS]


def types(flags: Flags, *policy: Demand) -> list[str]:
    return [each.type for each in flags.on(policy)[-1].attested]


def test_a_key_alone_asks_after_a_build_of_ones_own() -> None:
    (demand,) = Flags(key=KEY).on(())
    assert demand.signed_by == (SignedBy(key=KEY, asked=Witnesses()),)
    assert [each.type for each in demand.attested] == OURS
    assert types(Flags(key=KEY, require=["signature"])) == []
    assert types(Flags(key=KEY, require=["spdx", "spdx", "https://a.b/c"])) == [
        SPDX,
        "https://a.b/c",
    ]
    assert types(Flags(key=KEY), POLICY) == []


def test_an_identity_asks_after_its_signature() -> None:
    (demand,) = Flags(**NAMED, claims={"ref": "refs/tags/*"}).on(())
    (by,) = demand.signed_by
    assert by.claims == {"ref": "refs/tags/*"}
    assert by.witnesses == Witnesses(log=True)
    assert demand.attested == ()


def test_logs_and_timestamps_are_demanded_or_waived() -> None:
    def asked(**flags: Any) -> Witnesses:  # noqa: ANN401 - any flag
        (demand,) = Flags(**flags).on(())
        return demand.signed_by[0].witnesses

    assert asked(key=KEY, log=True) == Witnesses(log=True)
    assert asked(**NAMED, log=False, timestamp=True) == Witnesses(timestamp=True)
    assert asked(**NAMED, timestamp=False) == Witnesses(log=True)


def test_conditions_need_what_they_are_about() -> None:
    def attested(**flags: Any) -> tuple[Attested, ...]:  # noqa: ANN401 - any flag
        return Flags(**NAMED, **flags).on(())[0].attested

    assert attested(builder="b", locked=KEY) == (Attested(PROVENANCE, builder="b", locked=KEY),)
    assert attested(source="s") == (Attested(PROVENANCE, source="s"),)
    assert attested(below="high", max_age=3) == (Attested(FINDINGS, below="high", max_age=3),)
    assert attested(require=["vuln"], max_age=3) == (Attested(VULNERABILITIES, max_age=3),)
    assert attested(true=True) == (Attested(SPDX, true=True),)
    assert attested(require=["cyclonedx"], true=True) == (Attested(CYCLONEDX, true=True),)
    assert attested(require=[CYCLONEDX], true=True) == (Attested(CYCLONEDX, true=True),)
    both = attested(require=["spdx", "cyclonedx", "findings"], true=True, below="low")
    assert [(each.true, each.below) for each in both] == [(True, None)] * 2 + [(False, "low")]
    assert attested(max_age=0) == (Attested(FINDINGS, max_age=0),)


def test_flags_only_add_to_a_policy() -> None:
    assert Flags().on([POLICY]) == (POLICY,)
    more = (Attested(SPDX), Attested(FINDINGS, below="high"))
    assert Flags(below="high").on([POLICY]) == (Demand(POLICY.signed_by, more, match="web"),)
    held = Flags(key=KEY, require=["vuln"]).on([POLICY, POLICY])
    assert held[:2] == (POLICY, POLICY)
    assert held[2].signed_by[0].key == KEY
    assert [each.type for each in held[2].attested] == [VULNERABILITIES]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, "nothing says who"),
        ({"require": ["spdx"]}, "nothing says who"),
        ({"claims": {"ref": "x"}}, "not whose"),
        ({"trusted_root": KEY}, "not whose"),
        ({"log": False}, "not whose"),
        ({"key": KEY, **NAMED}, "no certificate: --identity, --issuer"),
        ({"key": KEY, "claims": {"ref": "x"}}, "no certificate: --ref"),
        ({"identity": "dev@example.com"}, "says nothing without"),
        ({"issuer": "https://accounts.example.com"}, "says nothing without"),
        ({**NAMED, "identity": "*@*"}, "names nobody"),
        ({**NAMED, "issuer": "https://*"}, "names nobody"),
    ],
)
def test_refuses(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        Flags(**flags).on(())
    if said == "nothing says who":
        assert "--key imgforge.pub" in str(caught.value.hint)
