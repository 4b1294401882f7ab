"""Conversations: who wrote to us, what waits for a person, and the box to answer from."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import conversations as book
from audit.facts import StoredFacts
from audit.messages import state_of
from audit.rows import at
from audit.store import Row
from dispatch import manual
from dispatch.manual import Wish
from dispatch.segments import Measure
from model.access import Permission
from model.message import Decision
from web import forms, shell, words
from web.access import actor, needs
from web.desk import Desk

CURSOR = re.compile(r"([01])-([0-9]{1,15})-([0-9]{1,15})")
LONGEST, LONGEST_NAME = 2_000, 100
WRITTEN = {"waiting": "is being written to", "done": "was written to", "failed": "could not be written to"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One text of a conversation, ours or theirs."""

    ours: bool
    text: str
    at: datetime
    said: str
    link: str = ""
    needs: str = ""


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/conversations", "conversations", needs(Permission.READ, conversations), methods=["GET"])
    pages.add_url_rule(
        "/conversations/<int:conversation_id>", "conversation", needs(Permission.READ, conversation), methods=["GET"]
    )
    pages.add_url_rule(
        "/conversations/<int:conversation_id>", "converse", needs(Permission.SEND, converse), methods=["POST"]
    )


def conversations() -> str:
    """List who wrote: those that wait for a person first, then the newest."""
    desk = shell.desk()
    found = CURSOR.fullmatch(request.args.get("before", ""))
    before = tuple(map(int, found.groups())) if found else None
    rows = book.listing(desk.store, (before[0], before[1], before[2]) if before else None, book.PAGE + 1)
    shown, last = rows[: book.PAGE], rows[book.PAGE - 1] if len(rows) > book.PAGE else None
    older = f"{request.path}?before={int(last['needs'] > 0)}-{last['last_at']}-{last['id']}" if last else ""
    return shell.page(
        "conversations.html", "conversations", rows=shown, meanings=words.MEANINGS, older=older,
        first=request.path if before else "",
    )  # fmt: skip


def conversation(conversation_id: int) -> str:
    """Show what was said to and fro."""
    return _page(conversation_id, {}, {}, None)


def converse(conversation_id: int) -> str | tuple[str, int] | Response:
    """Show what an answer would cost, send it, or note that somebody looked after the conversation."""
    forms.prove()
    desk = shell.desk()
    number = _number(conversation_id)
    typed = {
        "who": actor(request.form.get("who", "").strip()[:LONGEST_NAME]),
        "text": request.form.get("text", "")[:LONGEST],
        "once": request.form.get("once", "")[:64],
    }  # fmt: skip
    wanted = request.form.get("do", "")
    if wanted == "preview":
        return _page(conversation_id, typed, {}, manual.size_of(typed["text"]))
    wrong = {} if typed["who"] else {"who": "Write your name; it is kept on the record."}
    if wanted == "send" and not wrong:
        wrong = _send(desk, number, typed)
    if wrong:
        return _page(conversation_id, typed, wrong, manual.size_of(typed["text"])), 422
    now = desk.clock()
    desk.store.write(lambda tx: book.done(tx, number, typed["who"], now))
    return redirect(f"/console/conversations/{conversation_id}", 303)


def _send(desk: Desk, number: str, typed: Mapping[str, str]) -> dict[str, str]:
    """Queue an answer; return what is wrong with it by field. Pressed twice, it is sent once."""
    if desk.new_id is None:
        abort(404)
    with desk.store.read() as tx:
        _, heard = book.thread(tx, number)
    newest = heard[0] if heard else None
    wish = Wish(
        to=number, text=typed["text"], actor=typed["who"], answers=newest["id"] if newest else "-",
        gateways=(newest["gateway"],) if newest else (), sender=newest["our_number"] if newest else "",
        once=f"console\x1f{typed['once']}" if typed["once"] else "",
    )  # fmt: skip
    decision = manual.send(desk.store, wish, desk.new_id, desk.clock())
    desk.on_queued()
    return _refusal(decision)


def _refusal(decision: Decision) -> dict[str, str]:
    if decision.message is not None or decision.code == "duplicate":
        return {}
    return {"text": f"Not sent: {words.because(decision.code)} {decision.detail}".strip()}


def _number(conversation_id: int) -> str:
    if conversation_id >= 1 << 62:  # more than the store can count
        abort(404)
    with shell.desk().store.read() as tx:
        return book.number_of(tx, conversation_id) or abort(404)


def _page(conversation_id: int, typed: Mapping[str, str], wrong: Mapping[str, str], size: Measure | None) -> str:
    desk = shell.desk()
    number = _number(conversation_id)
    with desk.store.read() as tx:
        told, heard = book.thread(tx, number)
        stopped = StoredFacts(tx, desk.clock()).opted_out(number, "")
    lines = sorted([*map(_ours, told), *map(_theirs, heard)], key=lambda line: line.at)
    return shell.page(
        "conversation.html", "conversations", id=conversation_id, number=number, lines=lines, stopped=stopped,
        needs=[line for line in lines if line.needs], can_answer=desk.new_id is not None and not stopped,
        typed={"once": secrets.token_hex(8), **typed}, wrong=wrong, size=size, newest=told[0]["id"] if told else "",
    )  # fmt: skip


def _ours(row: Row) -> Line:
    by = row["rule"] or "sent by hand"
    state = state_of(row["state"]).words
    return Line(
        ours=True, text=row["text"], at=at(row["submitted_at"] or row["created_at"]),
        link=f"/console/messages/{row['id']}",
        said=f"{by.removeprefix('-').replace('-', ' ') if by.startswith('-') else by}, {state}",
    )  # fmt: skip


def _theirs(row: Row) -> Line:
    parts: list[Any] = [
        words.meaning(row["intent"]),
        row["rule"] and f"answers {row['rule']} {row['key']}",
    ]
    if row["written"]:
        parts.append(f"{WRITTEN[row['written']]} {row['written_to']}{': ' + row['trouble'] if row['trouble'] else ''}")
    return Line(
        ours=False, text=row["text"], at=at(row["at"]), said=", ".join(filter(None, parts)),
        needs=words.needs(row["needs"]),
        link=f"/console/messages/{row['message_id']}" if row["message_id"] else "",
    )  # fmt: skip
