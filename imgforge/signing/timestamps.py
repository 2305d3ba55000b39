"""RFC 3161 timestamps over a signature, through rfc3161-client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from imgforge.signing.root import Authority


def prove(token: bytes, stamped: bytes, authorities: Sequence[Authority]) -> dt.datetime:
    """Return the moment at which one of ``authorities`` saw ``stamped``; ValueError if none did.

    ``token`` is a TimeStampResp (RFC 3161, section 2.4.2). The library checks the signature, the
    chain at that moment, the purpose of the certificate and the hash of ``stamped``.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    response = decode_timestamp_response(token)
    for authority in authorities:
        signer, *above = authority.chain
        if not above:  # signer and root in one: there is no chain to check
            continue
        builder = VerifierBuilder(
            tsa_certificate=signer, intermediates=above[:-1], roots=above[-1:]
        )
        try:
            builder.build().verify_message(response, stamped)
        except VerificationError:
            continue
        moment = response.tst_info.gen_time
        if authority.span.holds(moment):
            return moment
    raise ValueError("its timestamp is over something else, or by no authority that counts")
