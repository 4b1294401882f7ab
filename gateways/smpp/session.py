"""A bind that is kept up: connect, live, stay away for a while, come back.

A refused sign-in is tried again after minutes only: providers lock accounts that hammer.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from gateways.smpp import pdu as smpp
from gateways.smpp.link import PATIENCE, THROTTLED, Deliver, Link, Occupied, Refused, Terms
from gateways.smpp.pdu import Pdu
from wire.http import NotSent, Unclear

log = logging.getLogger("tidings.gateways")
LONGEST_PAUSE = 60.0
REFUSED_PAUSE = 300.0
SUBMIT_SECONDS = 58.0
"""Below the dispatcher's lease: whoever waits longer is not waited for."""

OCCUPIED_PAUSE = 45.0
"""Seconds until an SMSC has noticed that our last connection is gone."""


class Session:
    """One bind that is kept up. Use it from its event loop only."""

    def __init__(self, name: str, terms: Terms, deliver: Deliver) -> None:
        self._name, self._terms, self._deliver = name, terms, deliver
        self._link: Link | None = None
        self._settled = asyncio.Event()  # the first try to bind is over, or a link is there
        self._why: Exception = NotSent("not connected yet")
        self._closing = False

    async def run(self) -> None:
        """Bind, live, come back; until cancelled."""
        pause = self._terms.reconnect
        while True:
            began = time.monotonic()
            pause = await self._live(pause)
            if time.monotonic() - began > 2 * LONGEST_PAUSE:
                pause = self._terms.reconnect  # it worked for a while: start small again
            self._settled.set()
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _live(self, pause: float) -> float:
        """Bind and live until the link ends; return how long to stay away."""
        try:
            self._link = await Link.bind(self._name, self._terms, self._deliver)
            self._settled.set()
            log.info("smpp bound", extra={"gateway": self._name})
            await self._link.live()
            self._why = NotSent("the connection was lost")
        except Refused as refusal:
            self._why, pause = refusal, REFUSED_PAUSE
        except NotSent as error:
            self._why = error
            pause = max(pause, OCCUPIED_PAUSE) if isinstance(error, Occupied) else pause
        except Exception as error:
            log.exception("smpp session failed", extra={"gateway": self._name})
            self._why = NotSent(f"{type(error).__name__} in the session")
        finally:
            link, self._link = self._link, None
            if link is not None:
                link.end("the connection was lost")
        self._tell()
        return pause

    def _tell(self) -> None:
        """Say once per try why there is no link: a person must act on a refusal, the rest passes."""
        said = {"gateway": self._name, "why": str(self._why)}
        if isinstance(self._why, Refused):
            log.error("smpp bind refused", extra=said)
        elif not self._closing:
            log.warning("smpp not bound", extra=said)

    async def submit(self, bodies: Sequence[bytes]) -> list[Pdu | Exception]:
        """Hand over the parts of one text: the first alone, the others once it was taken.

        Returns an answer or NotSent, Unclear or Refused for each part that was tried.
        """
        answers = [await self._one(bodies[0])]
        if len(bodies) > 1 and is_taken(answers[0]):
            answers += await asyncio.gather(*(self._stubborn(body) for body in bodies[1:]))
        return answers

    async def _stubborn(self, body: bytes) -> Pdu | Exception:
        """Hand over a later part; slow down where asked, for half a text is worse than a late one."""
        for again in (1, 2, 3):
            answer = await self._one(body)
            if isinstance(answer, Exception) or answer.status not in THROTTLED:
                return answer
            await asyncio.sleep(self._terms.throttle * again)
        return answer

    async def _one(self, body: bytes) -> Pdu | Exception:
        try:
            link = await self._ready()
            return await link.submit(body)
        except (NotSent, Unclear, Refused) as outcome:
            return outcome

    async def _ready(self) -> Link:
        """Return the link; wait only while the first bind is under way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._settled.wait()
        if self._link is None:
            raise self._why.with_traceback(None)  # one instance for many: its trace would grow with each
        return self._link

    async def close(self) -> None:
        """Say good-bye, briefly."""
        self._closing = True
        if self._link is not None:
            with suppress(Unclear, NotSent):
                await self._link.ask(smpp.UNBIND, b"", 1.0)
            if self._link is not None:
                self._link.end("we are closing")


def is_taken(answer: Pdu | Exception) -> bool:
    """Tell a yes from every other end of a submit."""
    return isinstance(answer, Pdu) and answer.command == smpp.SUBMIT | smpp.RESPONSE and answer.status == smpp.OK


class Binds:
    """The thread that keeps the binds of one gateway; submits go by the first of them."""

    def __init__(self, name: str, terms: Sequence[Terms], deliver: Deliver) -> None:
        self._loop = asyncio.new_event_loop()
        self._sessions = [Session(name, one, deliver) for one in terms]
        self._works = set[asyncio.Task[list[Pdu | Exception]]]()  # the loop itself holds on to none of them
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"smpp-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        lives = [self._loop.create_task(session.run()) for session in self._sessions]
        self._loop.run_forever()
        self._ended = True
        left = {*asyncio.all_tasks(self._loop), *lives}
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def begin(self, bodies: Sequence[bytes], done: Callable[[list[Pdu | Exception]], None]) -> None:
        """Hand over the parts of one text; `done` is told on this thread. Never raises."""
        try:
            self._loop.call_soon_threadsafe(self._take, bodies, done)
        except RuntimeError:  # the loop is closed
            done([NotSent("the connection is closed")])

    def _take(self, bodies: Sequence[bytes], done: Callable[[list[Pdu | Exception]], None]) -> None:
        if self._ended:
            done([NotSent("the connection is closed")])
            return
        work = self._loop.create_task(self._sessions[0].submit(bodies))
        late = self._loop.call_later(SUBMIT_SECONDS, work.cancel)
        self._works.add(work)

        def tell(ended: asyncio.Task[list[Pdu | Exception]]) -> None:
            late.cancel()
            self._works.discard(ended)
            done([Unclear("the connection was closed")] if ended.cancelled() else _answers_of(ended))

        work.add_done_callback(tell)

    def close(self) -> None:
        """Unbind and end. Submits on their way end as unclear."""

        async def good_bye() -> None:
            await asyncio.gather(*(session.close() for session in self._sessions))
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(good_bye(), self._loop)
        self._thread.join()


def _answers_of(ended: asyncio.Task[list[Pdu | Exception]]) -> list[Pdu | Exception]:
    error = ended.exception()
    return ended.result() if error is None else [Unclear(f"{type(error).__name__} in the session")]
