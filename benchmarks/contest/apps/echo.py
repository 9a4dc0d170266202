"""The floor: answers each body with itself, on the HTTP stack that the data plane uses."""

import asyncio
import socket
import sys
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class Echo(HttpToolsProtocol):
    """One connection."""

    def on_message_begin(self) -> None:
        self.url, self.headers, self.parts = b"", [], []

    def on_headers_complete(self) -> None:
        pass

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self.parts)
        self.transport.write(HEAD % (len(body), body))
        self.on_response_complete()


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    pass


def main(port: int) -> None:
    config = uvicorn.Config(
        nothing,
        http=Echo,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    listening = socket.create_server(("127.0.0.1", port), backlog=512)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
