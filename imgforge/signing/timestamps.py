"""RFC 3161 timestamps over a signature, through rfc3161-client."""

from __future__ import annotations

import datetime as dt
import itertools
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgforge.signing.root import Authority

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse


def prove(token: bytes, stamped: Sequence[bytes], authorities: Sequence[Authority]) -> dt.datetime:
    """Return the moment at which one of ``authorities`` saw one of ``stamped``; else ValueError.

    ``token`` is a TimeStampResp (RFC 3161, section 2.4.2). The library checks the signature, the
    chain at that moment, the purpose of the certificate and the hash of what was stamped.
    """
    from rfc3161_client import decode_timestamp_response

    response = decode_timestamp_response(token)
    moment = response.tst_info.gen_time
    reason = "no authority counted then"
    for authority, data in itertools.product(authorities, stamped):
        if authority.span.holds(moment):
            try:
                _verify(response, data, authority)
            except ValueError as error:
                reason = str(error)
                continue
            return moment
    raise ValueError(f"its timestamp is over something else, or by none that counts: {reason}")


def _verify(response: TimeStampResponse, data: bytes, authority: Authority) -> None:
    from rfc3161_client import VerifierBuilder

    signer, *above = authority.chain
    if not above:
        raise ValueError("signer and root are one, so that there is no chain to check")
    builder = VerifierBuilder(tsa_certificate=signer, intermediates=above[:-1], roots=above[-1:])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of certificates that are not quite right
            builder.build().verify_message(response, data)
    except Exception as error:  # whatever the library trips over proves nothing
        raise ValueError(str(error)[:200]) from error
