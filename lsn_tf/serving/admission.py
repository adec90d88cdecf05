"""What may come in: an ASGI layer around the server that bounds size, memory, time and number of requests."""

import asyncio
import contextlib
import dataclasses

from starlette.responses import JSONResponse

BODIES_HELD = 8  # times the largest body: memory of all that are received or wait


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        body_bytes: of one request.
        at_once: requests that are answered at a time.
        waiting: further requests that wait for their turn.
        body_seconds: until the body of a request must have come.
    """

    body_bytes: int
    at_once: int
    waiting: int
    body_seconds: float = 60.0


class Refused(Exception):
    """Says with which status and why a request is not let in."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


class Admission:
    """Lets POST requests in one by one when their body is there; all others pass.

    413: the body is too large. 408: it does not come. 503: too many requests wait already, or hold too much memory.
    """

    def __init__(self, application, limits: Limits):
        self._application = application
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.at_once)
        self._inside = 0
        self._held_bytes = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._application(scope, receive, send)
            return
        body: list[bytes] = []
        try:
            if await self._comes_in_time(scope, receive, body):
                async with self._turn():
                    await self._application(scope, _replay(body, receive), send)
        except Refused as refused:
            await _refuse(scope, receive, send, refused.status, str(refused))
        finally:
            self._held_bytes -= sum(map(len, body))

    async def _comes_in_time(self, scope, receive, body: list[bytes]) -> bool:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._read(scope, receive, body)
        except TimeoutError:
            raise Refused(408, f"the body must come within {self._limits.body_seconds:g} s.") from None

    async def _read(self, scope, receive, body: list[bytes]) -> bool:
        """Appends to body what comes. Returns False if the client has gone."""
        most, length, more = self._limits.body_bytes, 0, True
        too_large = Refused(413, f"the body must be at most {most} bytes (--max_request_mib).")
        stated = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(value.isdigit() and int(value) > most for value in stated):
            raise too_large
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            chunk = message.get("body", b"")
            length += len(chunk)
            if length > most:
                raise too_large
            if self._held_bytes + len(chunk) > BODIES_HELD * most:
                raise Refused(503, "the server is busy with other large requests. Try again later.")
            body.append(chunk)
            self._held_bytes += len(chunk)
            more = message.get("more_body", False)
        return True

    @contextlib.asynccontextmanager
    async def _turn(self):
        if self._inside >= self._limits.at_once + self._limits.waiting:
            raise Refused(503, f"{self._inside} requests wait already. Try again later.")
        self._inside += 1
        try:
            async with self._turns:
                yield
        finally:
            self._inside -= 1


def _replay(body: list[bytes], receive):
    """Returns a channel that gives a body that was received before, then what comes after it."""
    rest = iter(body)
    left = len(body)

    async def next_message():
        nonlocal left
        if not left:
            return await receive()
        left -= 1
        return {"type": "http.request", "body": next(rest), "more_body": left > 0}

    return next_message


async def _refuse(scope, receive, send, status: int, reason: str) -> None:
    headers = {"connection": "close"} | ({"retry-after": "1"} if status == 503 else {})
    await JSONResponse({"error": reason}, status, headers)(scope, receive, send)
