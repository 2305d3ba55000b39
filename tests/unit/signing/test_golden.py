"""What the real cosign signed with a live Sigstore, judged with no network."""

from __future__ import annotations

import goldenbundles
import pytest
from goldenbundles import Golden


@pytest.mark.parametrize("golden", goldenbundles.listed(), ids=lambda golden: golden.name)
def test_a_record_proves_what_it_should_to_its_signatory_alone(golden: Golden) -> None:
    goldenbundles.judge(golden)
