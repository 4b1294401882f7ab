"""Where peers tell of receipts, a process of its own: answers each request at once, as Jasmin wants to hear it."""

from __future__ import annotations

import asyncio

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nACK/Jasmin"


class _Wire(asyncio.Protocol):
    """One keep-alive connection: requests without a body, or with one that comes along."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if isinstance(self._transport, asyncio.Transport):
            self._transport.write(ANSWER * data.count(b"HTTP/1."))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Wire, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
