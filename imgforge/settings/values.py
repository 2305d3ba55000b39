"""What single values of the settings may be."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from imgforge.fields import problem


def moment(value: str) -> dt.datetime:
    """Read a moment (RFC 3339, or a day: its beginning in UTC); ValueError if it is none."""
    found = dt.datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def _url(value: str) -> str:
    # The value itself is not shown: a password may stand in it.
    if not re.fullmatch(r"https?://([^\s/?#@]+@)?[^\s/?#@]+(/[^\s?#]*)?", value):
        raise problem("is not an http(s) URL", "such as https://mirror.example.com/debian")
    return value.rstrip("/")


def _moment(value: str) -> str:
    try:
        moment(value)
    except ValueError as error:
        raise problem(f"{value!r} is not a moment", "such as 2026-11-20T00:00:00Z") from error
    return value


def _repository(value: str) -> str:
    host = r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[A-Fa-f0-9:]+\](:\d{1,5})?"
    if not re.fullmatch(rf"({host})(/[a-z0-9]+([._-]+[a-z0-9]+)*)*", value):
        raise problem(f"{value!r} is not a registry", "such as registry.example.com/hub")
    return value


def _source(value: str) -> str:
    # A dump's address may have a query, which holds no version that changes.
    if not re.fullmatch(r"https?://([^\s/?#@]+@)?[^\s/?#@]+/[^\s#]*", value):
        raise problem("is not an http(s) URL of a file", "such as https://osv.example.com/all.zip")
    return value


Url = Annotated[str, AfterValidator(_url)]
Moment = Annotated[str, AfterValidator(_moment)]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\[\]:-]+$")]
Repository = Annotated[str, AfterValidator(_repository)]
File = Annotated[str, Field(min_length=1)]
Source = Annotated[str, AfterValidator(_source)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
