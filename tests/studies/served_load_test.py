"""Every question is asked and counted once, answered or dropped, by as many clients as it says."""

import contextlib
import http.server
import json
import threading

import numpy as np
import pytest

from lsn_tf.studies.served_load import Question, ask_at_once, json_question, memory_mib, raw_question, running_server

QUESTION = Question("/ask", b"how much?", {"Content-Type": "text/plain"})


@contextlib.contextmanager
def answering(answer):
    """Gives the port of a server that answers with what `answer` returns of the number of the question, and a list."""
    asked, lock = [], threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            with lock:
                asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                number = len(asked)
            status, content = answer(number)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()


def test_all_is_asked_and_answered():
    with answering(lambda _: (200, b"42")) as (port, asked):
        load = ask_at_once(port, QUESTION, clients=4, requests=50)
    assert asked == 51 * [("/ask", b"how much?")]  # once before, to know the answer's length
    assert len(load.latencies) == 50 and load.dropped == 0
    assert 0 < load.latencies.max() <= load.seconds


@pytest.mark.parametrize("bad", [(503, b"42"), (200, b"4"), (None, b"")])
def test_what_gets_no_proper_answer_is_dropped_and_the_rest_goes_on(bad):
    with answering(lambda number: bad if number % 5 == 0 else (200, b"42")) as (port, asked):
        load = ask_at_once(port, QUESTION, clients=3, requests=49)
    assert len(asked) == 50 and load.dropped == 10 and len(load.latencies) == 39


def test_clients_ask_at_the_same_time():
    together = threading.Barrier(6, timeout=20)

    def answer(number):
        if number > 1:
            together.wait()  # six questions get on together, or none
        return 200, b"42"

    with answering(answer) as (port, _):
        assert ask_at_once(port, QUESTION, clients=6, requests=12).dropped == 0


def test_both_questions_ask_the_same():
    image, spacing = np.arange(6, dtype=np.int16).reshape(1, 2, 3, 1), np.float32([[0.5, 2]])
    inputs = json.loads(json_question(image, spacing).body)["inputs"]
    assert inputs == {"image": image.tolist(), "spacing": spacing.tolist()}
    question = raw_question(image, spacing)
    length = int(question.headers["Inference-Header-Content-Length"])
    assert [tensor["shape"] for tensor in json.loads(question.body[:length])["inputs"]] == [[1, 2, 3, 1], [1, 2]]
    assert question.body[length:] == image.tobytes() + spacing.tobytes()


def test_a_server_that_does_not_start_says_why():
    with pytest.raises(RuntimeError, match="exit code 2: serve: flag --threads=0"), running_server("--threads=0"):
        pass


def test_memory_is_that_of_the_process():
    class Here:
        pid = "self"

    before = memory_mib(Here)
    held = np.ones(2**24)  # 128 MiB
    assert memory_mib(Here) - before > 100 and held.all()
