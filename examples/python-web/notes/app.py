"""The HTTP interface."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Request, Response, status
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

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
    store = Store(config.data)
    store.prepare()
    app = FastAPI(title="Notes", docs_url=None, redoc_url=None)

    def edit_key(note_id: str) -> str:
        return hmac.new(config.session_key, note_id.encode(), hashlib.sha256).hexdigest()

    def allow(note_id: str, authorization: str) -> None:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {edit_key(note_id)}".encode()):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "this takes the note's edit key")

    def found(note: Note | None) -> Note:
        if note is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "no such note")
        return note

    @app.middleware("http")
    async def guard(request: Request, call_next):  # type: ignore[no-untyped-def]  # noqa: ANN202, ANN001
        length = request.headers.get("content-length", "")
        if request.method in {"POST", "PUT"} and not (
            length.isdecimal() and int(length) <= LARGEST_BODY
        ):
            return PlainTextResponse("too large, or of unknown length", 413)
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.get("/healthz")
    def health() -> dict[str, object]:
        return {"status": "ok", "notes": store.count()}

    @app.post("/notes", status_code=201)
    def create(draft: Draft) -> Created:
        note = store.add(draft.title, draft.text)
        return Created(
            id=note.id, url=f"{config.public_url}/notes/{note.id}", edit_key=edit_key(note.id)
        )

    @app.get("/notes/{note_id}", response_class=HTMLResponse)
    def show(note_id: str) -> str:
        return render(found(store.get(note_id)))

    @app.get("/notes/{note_id}/text", response_class=PlainTextResponse)
    def text(note_id: str) -> str:
        return found(store.get(note_id)).text

    @app.put("/notes/{note_id}", status_code=204, response_class=Response)
    def replace(note_id: str, draft: Draft, authorization: Annotated[str, Header()] = "") -> None:
        allow(note_id, authorization)
        found(store.replace(note_id, draft.title, draft.text))

    @app.delete("/notes/{note_id}", status_code=204, response_class=Response)
    def remove(note_id: str, authorization: Annotated[str, Header()] = "") -> None:
        allow(note_id, authorization)
        if not store.remove(note_id):
            raise HTTPException(status.HTTP_404_NOT_FOUND, "no such note")

    return app
