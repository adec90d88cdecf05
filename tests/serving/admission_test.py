"""As many at once and waiting as allowed, no more; nothing is held longer or larger than the limits."""

import asyncio
import json

import pytest

from lsn_tf.serving.admission import BODIES_DRAINED, BODIES_HELD, Admission, Limits

LIMITS = Limits(body_bytes=100, json_bytes=100, at_once=2, waiting=3, body_seconds=0.05)


class Application:
    """Answers with the body that it gets, when it is allowed to; knows how many it had at once."""

    def __init__(self):
        self.allowed, self.inside, self.most = asyncio.Event(), 0, 0

    async def __call__(self, scope, receive, send):
        self.inside += 1
        self.most = max(self.most, self.inside)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await self.allowed.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def ask(server, chunks=(b"",), method="POST", length=None, ends=True):
    """Returns status and body of the answer to a request whose body comes in chunks, and then, if it ends, no more."""
    sent, incoming = [], list(chunks)

    async def receive():
        if not incoming:
            await asyncio.sleep(10)
        return {"type": "http.request", "body": incoming.pop(0), "more_body": bool(incoming) or not ends}

    async def send(message):
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    await server({"type": "http", "method": method, "path": "/", "headers": headers}, receive, send)
    return sent[0]["status"], sent[1]["body"]


def test_the_application_gets_the_whole_body_once():
    async def run():
        application = Application()
        application.allowed.set()
        assert await ask(Admission(application, LIMITS), [b"a", b"", b"bc"]) == (200, b"abc")

    asyncio.run(run())


def test_two_at_once_three_wait_and_the_others_are_sent_away():
    async def run():
        application = Application()
        server = Admission(application, LIMITS)
        asked = [asyncio.create_task(ask(server, [bytes([i])])) for i in range(8)]
        await asyncio.sleep(0.01)
        assert application.inside == 2 and sum(task.done() for task in asked) == 3
        application.allowed.set()
        answers = await asyncio.gather(*asked)
        assert sorted(status for status, _ in answers) == 5 * [200] + 3 * [503]
        assert application.most == 2
        assert await ask(server, [b"again"]) == (200, b"again")

    asyncio.run(run())


def test_health_is_not_kept_waiting():
    async def run():
        application = Application()
        server = Admission(application, LIMITS)
        posts = [asyncio.create_task(ask(server)) for _ in range(5)]
        await asyncio.sleep(0.01)
        get = asyncio.create_task(ask(server, method="GET"))
        await asyncio.sleep(0.01)
        assert application.inside == 3  # two of the posts, and the get
        application.allowed.set()
        await asyncio.gather(get, *posts)

    asyncio.run(run())


@pytest.mark.parametrize(
    "chunks, length", [([b"x" * 101], None), ([b"x" * 60] * 2, None), ([b""], 101), ([b""], 10**30)]
)
def test_a_body_that_is_too_large_is_refused_and_forgotten(chunks, length):
    async def run():
        server = Admission(Application(), LIMITS)
        status, body = await ask(server, chunks, length=length)
        assert status == 413 and "at most 100 bytes" in json.loads(body)["error"]
        assert (server._held_bytes, server._inside) == (0, 0)

    asyncio.run(run())


@pytest.mark.parametrize("chunks, read", [(3, 3), (1000, BODIES_DRAINED + 1)])
def test_what_is_refused_is_read_on_to_its_end_or_to_a_bound(chunks, read):
    """A client that sends all before it reads finds the answer, not a connection that was reset."""

    async def run():
        happened, incoming = [], iter(range(1, chunks + 1))

        async def receive():
            happened.append("read")
            return {"type": "http.request", "body": b"x" * 100, "more_body": next(incoming) < chunks}

        async def send(message):
            last = message["type"] == "http.response.body" and not message.get("more_body")
            happened.append("closed" if last else "answered")

        scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"%d" % (100 * chunks))]}
        await Admission(Application(), LIMITS)(scope, receive, send)
        assert happened == ["answered", "answered", *read * ["read"], "closed"]

    asyncio.run(run())


def test_a_client_that_asks_first_is_refused_before_it_sends():
    async def run():
        server, sent = Admission(Application(), LIMITS), []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/"}
        headers = [(b"content-length", b"101"), (b"expect", b"100-continue")]
        await server({**scope, "headers": headers}, None, send)  # it would be told to send by what is None
        assert sent[0]["status"] == 413

    asyncio.run(run())


def test_a_body_that_does_not_come_is_not_waited_for():
    async def run():
        server = Admission(Application(), LIMITS)
        assert (await ask(server, [b"x"], ends=False))[0] == 408
        assert server._held_bytes == 0

    asyncio.run(run())


def test_bodies_that_come_slowly_hold_bounded_memory():
    async def run():
        server = Admission(Application(), LIMITS)
        slow = [asyncio.create_task(ask(server, [b"x" * 100], ends=False)) for _ in range(BODIES_HELD)]
        await asyncio.sleep(0.01)
        assert server._held_bytes == BODIES_HELD * LIMITS.body_bytes
        assert (await ask(server, [b"x"]))[0] == 503
        assert [status for status, _ in await asyncio.gather(*slow)] == BODIES_HELD * [408]
        assert server._held_bytes == 0

    asyncio.run(run())


def test_a_client_that_leaves_is_forgotten():
    async def run():
        application = Application()
        server = Admission(application, LIMITS)

        async def receive():
            return {"type": "http.disconnect"}

        await server({"type": "http", "method": "POST", "headers": []}, receive, None)
        assert (application.most, server._held_bytes, server._inside) == (0, 0, 0)

    asyncio.run(run())
