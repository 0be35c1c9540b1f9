"""Liveness, readiness and metrics over HTTP, for orchestrators and Prometheus; in the worker's own loop, without a thread.

GET /livez    200 while the loop turns
GET /readyz   200 while frames are taken from the broker, else 503; the body says how broker and server are
GET /metrics  Prometheus text
"""

import asyncio
import json

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from goldenpart.worker.line import Line

# A probe's request is a few hundred bytes and comes at once.
_REQUEST_TIMEOUT_S = 5.0


class HealthServer:
    """Answers probes. Belongs to the loop it was started in."""

    def __init__(self, line: Line, host: str, port: int) -> None:
        self._line = line
        self._host = host
        self._wanted_port = port
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begins to listen.

        Raises:
            OSError: The port is taken.
        """
        self._server = await asyncio.start_server(self._serve, self._host, self._wanted_port)

    async def close(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                request = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)
            path = request[1].decode("ascii", "replace") if request[0] == b"GET" and len(request) == 3 else ""
            status, content_type, body = self._answer(path)
            head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whoever it was does not want an answer
        finally:
            writer.close()

    def _answer(self, path: str) -> tuple[str, str, bytes]:
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._line.metrics.registry)
        state = {
            "broker_connected": self._line.ready,
            "broker_blocked": self._line.broker_blocked,
            "server_reachable": self._line.server_reachable,
        }
        body = json.dumps(state).encode()
        if path == "/livez":
            return "200 OK", "application/json", body
        if path == "/readyz":
            return ("200 OK" if self._line.ready else "503 Service Unavailable"), "application/json", body
        return "404 Not Found", "text/plain", b"/livez, /readyz, /metrics\n"
