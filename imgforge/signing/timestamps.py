"""RFC 3161 timestamps over a signature, through rfc3161-client."""

from __future__ import annotations

import datetime as dt
import itertools
import warnings
from collections.abc import Sequence

from imgforge.signing.root import Authority


def prove(token: bytes, stamped: Sequence[bytes], authorities: Sequence[Authority]) -> dt.datetime:
    """Return the moment at which one of ``authorities`` saw one of ``stamped``; else ValueError.

    ``token`` is a TimeStampResp (RFC 3161, section 2.4.2). The library checks the signature, the
    chain at that moment, the purpose of the certificate and the hash of what was stamped.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    response = decode_timestamp_response(token)
    for authority, data in itertools.product(authorities, stamped):
        signer, *above = authority.chain
        if not above:  # signer and root in one: there is no chain to check
            continue
        builder = VerifierBuilder(
            tsa_certificate=signer, intermediates=above[:-1], roots=above[-1:]
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # of certificates that are not quite right
                builder.build().verify_message(response, data)
        except (VerificationError, Warning):
            continue
        moment = response.tst_info.gen_time
        if authority.span.holds(moment):
            return moment
    raise ValueError("its timestamp is over something else, or by no authority that counts")
