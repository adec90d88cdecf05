"""Many clients that ask a server at once, each one request after the other: how long they wait, what it drops."""

import contextlib
import dataclasses
import http.client
import itertools
import json
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np

NAME = "segmenter"
PATIENCE_S = 300.0  # for a server to start, and for an answer


@dataclasses.dataclass(frozen=True)
class Question:
    """A request that is asked again and again."""

    path: str
    body: bytes
    headers: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Load:
    """What clients saw.

    Attributes:
        seconds: from the first question to the last answer.
        latencies: (n,), s, of every answer.
        dropped: questions that got no answer, one with another status than 200, or of another length than the first.
    """

    seconds: float
    latencies: np.ndarray
    dropped: int


def json_question(image: np.ndarray, spacing: np.ndarray) -> Question:
    """Returns a request in TF-Serving's protocol, all in JSON.

    Args:
        image: (n, height, width, 1), int16, HU.
        spacing: (n, 2), mm.
    """
    body = json.dumps({"inputs": {"image": image.tolist(), "spacing": spacing.tolist()}})
    return Question(f"/v1/models/{NAME}:predict", body.encode(), {"Content-Type": "application/json"})


def raw_question(image: np.ndarray, spacing: np.ndarray) -> Question:
    """Returns the same in the Open Inference Protocol with raw tensors, forth and back."""
    tensors = {"image": (image.astype(np.int16), "INT16"), "spacing": (spacing.astype(np.float32), "FP32")}
    inputs = [
        {"name": name, "shape": array.shape, "datatype": kind, "parameters": {"binary_data_size": array.nbytes}}
        for name, (array, kind) in tensors.items()
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    body = head + b"".join(array.tobytes() for array, _ in tensors.values())
    return Question(f"/v2/models/{NAME}/infer", body, headers)


def ask_at_once(port: int, question: Question, clients: int, requests: int) -> Load:
    """Asks a question so many times, by clients that each wait for an answer before they ask again."""
    with contextlib.closing(_Client(port)) as client:
        wanted = len(client.ask(question))
    tickets, latencies, dropped = iter(range(requests)), [], itertools.count()
    lock = threading.Lock()

    def ask():
        with contextlib.closing(_Client(port)) as client:
            while True:
                with lock:
                    if next(tickets, None) is None:
                        return
                started = time.perf_counter()
                answered = len(client.ask(question)) == wanted
                latencies.append(time.perf_counter() - started) if answered else next(dropped)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(time.perf_counter() - started, np.array(latencies), next(dropped))


class _Client:
    """A connection that is kept, and made anew where it is lost."""

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def ask(self, question: Question) -> bytes:
        """Returns the body of the answer, b"" if there is none or it has another status than 200."""
        try:
            self._connection.request("POST", question.path, question.body, question.headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return b""
        return content if answer.status == 200 else b""

    def close(self) -> None:
        """Closes the connection; another question opens it again."""
        self._connection.close()


@contextlib.contextmanager
def running_server(*flags: str) -> Iterator[tuple[subprocess.Popen, int]]:
    """Runs the server as a process of its own and gives it and its port once it is ready; stops it in the end.

    Raises:
        RuntimeError: if it ends before, with what it said last, or does not end with exit code 0.
    """
    command = [sys.executable, "-m", "lsn_tf.serve", "--port=0", f"--name={NAME}", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line.strip())
            if found := re.search(r"served at http://\S+:(\d+)/", line):
                break
        else:
            raise RuntimeError(
                f"the server ended with exit code {process.wait()}: {(said or ['it said nothing.'])[-1]}"
            )
        threading.Thread(target=process.stderr.read, daemon=True).start()  # lest it waits for someone to listen
        _wait_until_ready(int(found[1]))
        yield process, int(found[1])
        process.send_signal(signal.SIGTERM)
        if code := process.wait(PATIENCE_S):
            raise RuntimeError(f"the server must end with exit code 0. It ended with {code}.")
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/v2/health/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server must be ready within {PATIENCE_S} s.")


def memory_mib(process: subprocess.Popen) -> float:
    """Returns the resident memory of a process, MiB; NaN where the system does not tell."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    if not status.is_file():
        return float("nan")
    return int(re.search(r"VmRSS:\s+(\d+)", status.read_text()).group(1)) / 1024
