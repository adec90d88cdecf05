"""The process starts, answers, finishes what has come when it is told to stop, and says in one line what is wrong."""

import contextlib
import http.client
import json
import math
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from source_tree import ROOT
from threshold_model import Threshold

from lsn_tf.listening import url
from lsn_tf.serve import bound_to, warn_if_public
from lsn_tf.studies.served_load import NAME, json_question, raw_question, running_server

IMAGE, SPACING = np.full((1, 2, 3, 1), 60, np.int16), np.float32([[0.7, 0.9]])
STEPS = 200_000
CT = (300, 512, 512)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("threshold")
    Threshold().save(path)
    return path


def ask(port, path, body=None, headers=None):
    """Asks as Python's own client does, which sends all of a body before it reads."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=100)) as connection:
        connection.request("POST" if body else "GET", path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.slow
def test_the_process_answers_and_stops_when_all_have_their_answer(folder):
    with running_server(f"--model={folder}", "--threads=1") as (process, port):
        question = json_question(IMAGE, SPACING)
        status, content = ask(port, question.path, question.body, question.headers)
        assert status == 200 and json.loads(content)["outputs"]["phi"] == (IMAGE - 100).tolist()
        question = raw_question(IMAGE, SPACING)
        assert ask(port, question.path, question.body, question.headers)[0] == 200
        assert ask(port, question.path, b"\xff" * 1000)[0] == 400
        assert ask(port, question.path, b"x", {"Content-Length": str(10**9)})[0] == 413

        slow = json.dumps({"inputs": {"steps": STEPS}, "signature_name": "count"})
        answers = []
        waiting = [
            threading.Thread(target=lambda: answers.append(ask(port, f"/v1/models/{NAME}:predict", slow)))
            for _ in range(3)
        ]
        for thread in waiting:
            thread.start()
        arrived = f'request_preprocess_seconds_count{{model_name="{NAME}"}} 3.0'  # one is answered, two wait for it
        while arrived not in ask(port, "/metrics")[1].decode():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for thread in waiting:
            thread.join()
        assert process.wait(60) == 0
    assert [(status, json.loads(content)) for status, content in answers] == 3 * [(200, {"outputs": STEPS})]


@pytest.mark.slow
def test_a_whole_ct_passes_by_default_and_a_client_reads_why_a_longer_one_does_not(folder):
    tensors = [
        {"name": "image", "shape": [*CT, 1], "datatype": "FP32", "parameters": {"binary_data_size": 4 * math.prod(CT)}},
        {"name": "spacing", "shape": [CT[0], 2], "datatype": "FP32", "data": [1.0] * 2 * CT[0]},
    ]
    asked = [{"name": "mask", "parameters": {"binary_data": True}}]
    head = json.dumps({"inputs": tensors, "outputs": asked}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    voxels = bytes(4 * math.prod(CT))
    with running_server(f"--model={folder}") as (_, port):
        status, content = ask(port, f"/v2/models/{NAME}/infer", head + voxels, headers)
        assert status == 200 and content.endswith(bytes([1]) * math.prod(CT))
        status, content = ask(port, f"/v2/models/{NAME}/infer", head + voxels + bytes(2**23), headers)
        assert status == 413 and "must be at most" in json.loads(content)["error"]
        assert ask(port, "/v2/health/ready")[0] == 200


def hostile_bodies(rng):
    """Yields (path, body, headers) of some 200 requests that no server should answer with 200, nor with 5xx."""
    v1, v2 = f"/v1/models/{NAME}:predict", f"/v2/models/{NAME}/infer"
    asked, raw = json_question(IMAGE, SPACING), raw_question(IMAGE, SPACING)
    length = raw.headers["Inference-Header-Content-Length"]
    of_v2 = json.loads(raw.body[: int(length)])
    for question in (asked, raw):
        for cut in rng.integers(1, len(question.body) - 1, 20):  # truncated
            yield question.path, question.body[:cut], question.headers
        for _ in range(20):  # not UTF-8, somewhere in the JSON
            at = int(rng.integers(0, int(length) if question is raw else len(asked.body)))
            yield question.path, question.body[:at] + b"\xff\xfe" + question.body[at + 2 :], question.headers
    for path in (v1, v2):
        for deep in (
            b"[" * 100_000,
            b'{"inputs":' * 50_000,
            b"[" * 2000 + b"]" * 2000,
            b'{"a":' * 900 + b"1" + b"}" * 900,
        ):
            yield path, deep, asked.headers
        for kind in (
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/x-protobuf",
            "\xff",
        ):
            yield path, rng.bytes(100), {"Content-Type": kind}
        for size in (1, 10, 1000, 100_000):
            yield path, b"\0" * size, {}
            yield path, rng.bytes(size), {}
    for wrong in ("-1", "0", "1", str(int(length) - 1), str(int(length) + 1), "9" * 18, "9" * 400, "x", "1e3", "0x10"):
        yield v2, raw.body, {**raw.headers, "Inference-Header-Content-Length": wrong}
    numbers = (-1, 0, -(2**31), 2**31, 2**62, 10**30, 1.5, "12", None, True, [], 13, 11)
    for number in numbers:  # sizes of tensors that lie
        tensor = {**of_v2["inputs"][0], "parameters": {"binary_data_size": number}}
        yield v2, *_with_head({"inputs": [tensor, of_v2["inputs"][1]]}, raw, int(length))
    shapes = (
        [-1, 2, 3, 1],
        [1, -2, -3, 1],
        [2**31, 2**31, 1, 1],
        [2**62, 4, 1, 1],
        [0],
        [],
        [1] * 40,
        [1.5],
        "x",
        None,
    )
    for shape in (*shapes, [10**30, 1, 1, 1], [1, 2, 3, 1, -1], {"a": 1}, [[1]]):
        tensor = {**of_v2["inputs"][0], "shape": shape}
        yield v2, *_with_head({"inputs": [tensor, of_v2["inputs"][1]]}, raw, int(length))
        plain = {"name": "image", "datatype": "INT16", "shape": shape, "data": IMAGE.ravel().tolist()}
        yield v2, json.dumps({"inputs": [plain]}).encode(), {"Content-Type": "application/json"}
    for huge in ("1e400", "1e39", "9" * 400, "-1e39", "NaN", "Infinity", '"60"', "true", "null", "[]", "{}"):
        body = asked.body.replace(b"60", huge.encode(), 1)
        yield v1, body, asked.headers
        yield v2, body, asked.headers
    for name in ("none", "", 3, None, [], {}, "../evolve", "x" * 10_000):
        yield v2, json.dumps({"inputs": [], "parameters": {"signature_name": name}}).encode(), {}
        yield v1, json.dumps({"inputs": {}, "signature_name": name}).encode(), {}


def _with_head(request, raw, length):
    head = json.dumps(request).encode()
    return head + raw.body[length:], {**raw.headers, "Inference-Header-Content-Length": str(len(head))}


@pytest.mark.slow
def test_hostile_bodies_are_refused_with_a_reason_and_the_process_answers_on(folder, rng):
    bodies = list(hostile_bodies(rng))
    assert len(bodies) >= 200
    with running_server(f"--model={folder}") as (process, port):
        for n, (path, body, headers) in enumerate(bodies):
            status, content = ask(port, path, body, headers)
            told = f"{n}: {path} {body[:80]} {headers}: {status} {content[:200]}"
            assert 400 <= status < 500 and json.loads(content)["error"], told
        assert process.poll() is None and ask(port, "/v2/health/ready")[0] == 200
        question = json_question(IMAGE, SPACING)
        status, content = ask(port, question.path, question.body, question.headers)
        assert status == 200 and json.loads(content)["outputs"]["phi"] == (IMAGE - 100).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("number, after_s", [(signal.SIGINT, 0.0), (signal.SIGINT, 1.0), (signal.SIGTERM, 0.5)])
def test_a_start_is_interrupted_in_one_line(folder, number, after_s):
    command = [sys.executable, "-m", "lsn_tf.serve", f"--model={folder}", "--port=0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr.readline() == "starting\n"
    time.sleep(after_s)  # of some five seconds
    process.send_signal(number)
    said = process.communicate(timeout=100)[1].splitlines()
    assert process.returncode == 1 and said[-1] == "serve: interrupted."
    assert not [line for line in said if "Traceback" in line]


def test_a_port_in_use_is_refused_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "lsn_tf.serve", "--model=none", f"--port={port}"]
        process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert process.returncode == 2 and process.stderr.count("\n") == 1
    assert f"must be an address of this machine that is free. Received 127.0.0.1:{port}: [Errno" in process.stderr


@pytest.mark.parametrize("host, public", [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True), ("", True)])
def test_other_machines_are_let_in_only_with_a_warning(host, public, caplog):
    with bound_to(host, 0) as listening:
        warn_if_public(listening)
        assert url(listening).startswith("http://0.0.0.0:" if public else "http://127.0.0.1:")
        assert (url(listening) in caplog.text) == public == bool(caplog.records)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ValueError, match="must be an address of this machine"):
        bound_to("192.0.2.1", 8080)  # RFC 5737: nobody's
