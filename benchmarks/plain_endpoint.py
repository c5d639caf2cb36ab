"""An endpoint that costs next to nothing: each request gets the same completion, after a while, and is only counted.

    python -m benchmarks.plain_endpoint [--latency 0.1]

It leaves the processor to the client whose speed is measured, and tells what it took itself: a GET is answered with
its `requests` and `cpu_s` so far. It ends when its standard input closes.
"""

import argparse
import asyncio
import json
import sys
import time

ANSWER = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 0,
    "model": "model-1-fake",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": json.dumps({"question": "Which of the parts comes first? " * 8}),
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 200, "completion_tokens": 64, "total_tokens": 264},
}
END, LENGTH = b"\r\n\r\n", b"content-length:"


def response(body: object) -> bytes:
    """An HTTP answer with this JSON body."""
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


class Server:
    """What all connections share: the answer, its latency (seconds), and how often it was given."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s, self.requests = latency_s, 0
        self.completion = response(ANSWER)

    def stats(self) -> bytes:
        """How many requests were answered, and the processor seconds of this process."""
        return response({"requests": self.requests, "cpu_s": time.process_time()})


class Connection(asyncio.Protocol):
    """One connection: reads as far as the length of a body asks for, and looks at nothing within it."""

    def __init__(self, server: Server) -> None:
        self._server, self._read = server, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._read += data
        while (end := self._read.find(END)) >= 0:
            head = bytes(self._read[:end]).lower()
            _, found, rest = head.partition(LENGTH)
            whole = end + len(END) + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
            if len(self._read) < whole:
                return
            del self._read[:whole]
            if head.startswith(b"get"):
                self._transport.write(self._server.stats())
                continue
            self._server.requests += 1
            loop = asyncio.get_running_loop()
            loop.call_later(self._server.latency_s, self._transport.write, self._server.completion)


async def serve(server: Server) -> None:
    """Serve on loopback, and print where."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=4_096)
    port = listening.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}/v1", "root": f"http://127.0.0.1:{port}"}), flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds before each answer")
    asyncio.run(serve(Server(parser.parse_args().latency)))


if __name__ == "__main__":
    main()
