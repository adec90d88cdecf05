"""What may come in: an ASGI layer around the server that bounds size, memory, time and number of requests."""

import asyncio
import collections
import contextlib
import dataclasses

from starlette.responses import JSONResponse

BODIES_HELD = 4  # times the largest body: memory of all that are received or wait
BODIES_DRAINED = 8  # times the largest body: what is read, and dropped, of one that is refused


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        body_bytes: of one request.
        json_bytes: of it.
        at_once: requests that are answered at a time.
        waiting: further requests that wait for their turn.
        body_seconds: until the body of a request must have come.
    """

    body_bytes: int
    json_bytes: int
    at_once: int
    waiting: int
    body_seconds: float = 60.0


class Refused(Exception):
    """Says with which status and why a request is not let in."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


@dataclasses.dataclass
class _Body:
    """What has come of the body of a request.

    Attributes:
        chunks: of it, those that the application has not taken yet.
        length: of all that have come, bytes.
        whole: whether no more will come.
    """

    chunks: collections.deque[bytes] = dataclasses.field(default_factory=collections.deque)
    length: int = 0
    whole: bool = False


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
        body, refused = _Body(), None
        try:
            if await self._comes_in_time(scope, receive, body):
                async with self._turn():
                    await self._application(scope, _replay(body, receive), send)
        except Refused as error:
            refused = error
        finally:
            self._held_bytes -= body.length
            body.chunks.clear()
        if refused:
            await self._refuse(refused, body, scope, receive, send)

    async def _comes_in_time(self, scope, receive, body: _Body) -> bool:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._read(scope, receive, body)
        except TimeoutError:
            raise Refused(408, f"the body must come within {self._limits.body_seconds:g} s.") from None

    async def _read(self, scope, receive, body: _Body) -> bool:
        """Appends to body what comes. Returns False if the client has gone."""
        most = self._limits.body_bytes
        too_large = Refused(413, f"the body must be at most {most} bytes (--max_request_mib).")
        if any(value.isdigit() and int(value) > most for value in _stated(scope, b"content-length")):
            raise too_large
        while not body.whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            chunk, body.whole = message.get("body", b""), not message.get("more_body", False)
            if body.length + len(chunk) > most:
                raise too_large
            if self._held_bytes + len(chunk) > BODIES_HELD * most:
                raise Refused(503, "the server is busy with other large requests. Try again later.")
            body.chunks.append(chunk)
            body.length += len(chunk)
            self._held_bytes += len(chunk)
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

    async def _refuse(self, refused: Refused, body: _Body, scope, receive, send) -> None:
        """Answers, then reads what still comes: many clients send all before they read, and would see a reset only."""
        headers = {"connection": "close"} | ({"retry-after": "1"} if refused.status == 503 else {})
        answer = JSONResponse({"error": str(refused)}, refused.status, headers)
        waits = b"100-continue" in _stated(scope, b"expect")  # to be told to send it
        await send({"type": "http.response.start", "status": refused.status, "headers": answer.raw_headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        if not (body.whole or waits):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.body_seconds):
                    await _drain(receive, BODIES_DRAINED * self._limits.body_bytes)
        await send({"type": "http.response.body", "body": b""})


def _stated(scope, name: bytes) -> list[bytes]:
    """Returns the values of a header."""
    return [value for key, value in scope["headers"] if key == name]


async def _drain(receive, most: int) -> None:
    """Reads on until nothing more comes, or more than `most` bytes have."""
    while most >= 0:
        message = await receive()
        if not message.get("more_body", False):
            return
        most -= len(message.get("body", b""))


def _replay(body: _Body, receive):
    """Returns a channel that gives a body that was received before, and lets go of it, then what comes after it."""

    async def next_message():
        if not body.chunks:
            return await receive()
        return {"type": "http.request", "body": body.chunks.popleft(), "more_body": bool(body.chunks)}

    return next_message
