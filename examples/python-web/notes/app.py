"""The HTTP interface."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.base import RequestResponseEndpoint

from notes.config import Config
from notes.page import render
from notes.store import Note, Store

LARGEST_BODY = 256 * 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https:",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Draft(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(max_length=100_000)]


class Created(BaseModel):
    """What a client gets back; whoever has the edit key may change the note."""

    id: str
    url: str
    edit_key: str


def make(config: Config) -> FastAPI:
    """Return the application for ``config``; its store is ready to use."""
    app = FastAPI(title="Notes", docs_url=None, redoc_url=None)
    app.state.config = config
    app.state.store = Store(config.data)
    app.state.store.prepare()
    app.include_router(router)
    app.middleware("http")(guard)
    return app


async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Refuse bodies that are too large, and tell browsers to run nothing."""
    length = request.headers.get("content-length", "")
    if request.method in {"POST", "PUT"} and not (
        length.isdecimal() and int(length) <= LARGEST_BODY
    ):
        return PlainTextResponse("too large, or of unknown length", 413)
    response = await call_next(request)
    response.headers.update(HEADERS)
    return response


def _config(request: Request) -> Config:
    config: Config = request.app.state.config
    return config


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


Configured = Annotated[Config, Depends(_config)]
Stored = Annotated[Store, Depends(_store)]
router = APIRouter()


def edit_key(config: Config, note_id: str) -> str:
    """Return the key that changes a note. Derived, so that none has to be stored."""
    return hmac.new(config.session_key, note_id.encode(), hashlib.sha256).hexdigest()


def _may_edit(
    note_id: str, config: Configured, authorization: Annotated[str, Header()] = ""
) -> None:
    wanted = f"Bearer {edit_key(config, note_id)}"
    if not hmac.compare_digest(authorization.encode(), wanted.encode()):
        raise HTTPException(403, "this takes the note's edit key")


def _found(note: Note | None) -> Note:
    if note is None:
        raise HTTPException(404, "no such note")
    return note


@router.get("/healthz")
def health(store: Stored) -> dict[str, object]:
    return {"status": "ok", "notes": store.count()}


@router.post("/notes", status_code=201)
def create(draft: Draft, store: Stored, config: Configured) -> Created:
    note = store.add(draft.title, draft.text)
    url = f"{config.public_url}/notes/{note.id}"
    return Created(id=note.id, url=url, edit_key=edit_key(config, note.id))


@router.get("/notes/{note_id}", response_class=HTMLResponse)
def show(note_id: str, store: Stored) -> str:
    return render(_found(store.get(note_id)))


@router.get("/notes/{note_id}/text", response_class=PlainTextResponse)
def text(note_id: str, store: Stored) -> str:
    return _found(store.get(note_id)).text


@router.put("/notes/{note_id}", status_code=204, dependencies=[Depends(_may_edit)])
def replace(note_id: str, draft: Draft, store: Stored) -> None:
    _found(store.replace(note_id, draft.title, draft.text))


@router.delete("/notes/{note_id}", status_code=204, dependencies=[Depends(_may_edit)])
def remove(note_id: str, store: Stored) -> None:
    _found(store.remove(note_id))
