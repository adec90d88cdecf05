"""Serves a trained network over HTTP, as TF-Serving and KServe do: slices in HU in, mask, probability and phi out.

    python -m lsn_tf.serve --model=runs/lsn
    curl localhost:8080/v2/health/ready
    curl localhost:8080/v1/models/segmenter/metadata
    curl localhost:8080/v1/models/segmenter:predict -d '{"inputs": {"image": [[[[60], [-5]]]], "spacing": [[1, 1]]}}'

For research, not for clinical use. The server is KServe's, and speaks two protocols:

    POST /v1/models/NAME:predict   TF-Serving's REST: JSON with "instances" (rows) or "inputs" (columns), and
                                   "signature_name" for another signature of the SavedModel than serving_default
    POST /v2/models/NAME/infer     the Open Inference Protocol: JSON, or JSON followed by raw tensors, which is faster;
                                   {"parameters": {"signature_name": ..., "binary_data_output": true}}
    GET  /v2/health/live, /v2/health/ready, /v2/models/NAME, /v1/models/NAME, /v1/models/NAME/metadata, /metrics

Bad requests get a status of 4xx and {"error": reason}; 413: larger than --max_request_mib, --max_json_mib or
--max_pixels; 503: more than --queue requests wait already. A CT of 300 slices of 512 x 512 fits, in raw tensors, FP32,
for the signature volume; for longer ones raise --max_pixels, and --max_request_mib by 4 bytes a voxel. --model takes
what predict takes; of a run, the SavedModel that export has written, if it has. SIGTERM and Ctrl-C finish the requests
that have come, then the exit code is 0.

There is no encryption and no log-in: other machines reach it only if --host says so, and then it should stand behind
a proxy that has them.

Exit code 0: it was stopped. 1: interrupted before it served. 2: bad input, or the port is in use.
"""

import contextlib
import dataclasses
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.listening import bound_socket, url

logger = logging.getLogger(__name__)
STOPPING = (signal.SIGINT, signal.SIGTERM)
MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Config:
    """What to serve, and within which limits.

    Attributes:
        model: see `open_served_model`.
        name: of the model in URLs.
        threads: predictions at a time.
        queue: requests that wait for their turn.
        max_request_mib: of a body.
        max_json_mib: of the JSON in it.
        max_pixels: numbers in a tensor of a request.
        grace_seconds: for requests to finish when it is to stop.
    """

    model: str | None
    name: str
    threads: int
    queue: int
    max_request_mib: int
    max_json_mib: int
    max_pixels: int
    grace_seconds: int


def serve(config: Config, listening: socket.socket) -> None:
    """Serves a model on a bound socket until SIGTERM or SIGINT.

    Raises:
        ValueError: if there is no such model.
        KeyboardInterrupt: if it was to stop before it had started.
    """
    with _interrupted_by_signals():
        logger.info("starting")
        import uvicorn  # the imports take seconds

        from lsn_tf.serving.admission import Limits
        from lsn_tf.serving.application import make_application
        from lsn_tf.serving.segmentation_model import SegmentationModel
        from lsn_tf.serving.served_models import open_served_model

        segmenter = SegmentationModel(config.name, open_served_model(config.model), config.threads, config.max_pixels)
        segmenter.load()
    limits = Limits(config.max_request_mib * MIB, config.max_json_mib * MIB, config.threads, config.queue)
    server = uvicorn.Server(
        uvicorn.Config(
            make_application(segmenter, limits),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=config.grace_seconds,
        )
    )

    def stop(*_):  # uvicorn's own handlers take over while it serves, and give the signal back at the end
        server.should_exit = True

    for number in STOPPING:
        signal.signal(number, stop)
    listening.listen()  # a client that comes before the server is ready waits
    logger.info("%s is served at %s/v2/models/%s", _contents(segmenter.served), url(listening), config.name)
    server.run(sockets=[listening])
    logger.info("stopped")


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Raises KeyboardInterrupt once a signal has come, even where Python drops it, as while it collects garbage."""
    came, show = [], sys.unraisablehook

    def interrupt(number, _):
        came.append(number)
        raise KeyboardInterrupt

    for number in STOPPING:
        signal.signal(number, interrupt)
    sys.unraisablehook = lambda dropped: None if came else show(dropped)
    try:
        yield
    except Exception:
        if not came:  # TensorFlow makes it an error of its own while it is imported
            raise
    finally:
        sys.unraisablehook = show
    if came:
        raise KeyboardInterrupt


def bound_to(host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to an address but does not listen yet; port 0 takes a free one.

    Raises:
        ValueError: if the port is in use or the address is none of this machine.
    """
    try:
        return bound_socket(host, port)
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"--host and --port must be an address of this machine that is free. Received {host}:{port}: {error}."
        ) from error


def warn_if_public(listening: socket.socket) -> None:
    """Warns if other machines can reach a socket."""
    if not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        logger.warning("WARNING: %s lets other machines in, without encryption or log-in.", url(listening))


def _contents(served) -> str:
    about = served.about
    return f"{about.get('model') or 'a SavedModel'} ({about.get('target') or 'target not stated'})"


def print_results(results: Mapping[str, Any]) -> None:
    """Prints that it is over."""
    print(f"{results['url']}: stopped")


def main() -> dict[str, Any]:
    """Reads the flags and serves."""
    values = flags.FLAGS
    with bound_to(values.host, values.port) as listening:
        warn_if_public(listening)
        config = Config(
            model=values.model,
            name=values.name,
            threads=values.threads or os.cpu_count() or 1,
            queue=values.queue,
            max_request_mib=values.max_request_mib,
            max_json_mib=values.max_json_mib,
            max_pixels=values.max_pixels,
            grace_seconds=values.grace_seconds,
        )
        address = url(listening)
        serve(config, listening)
    return {"url": address, "name": values.name}


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string(
        "model", None, "Folder of a training run or of a SavedModel, or a name of packaged weights (default: these)."
    )
    flags.DEFINE_string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 for all of this machine's.")
    flags.DEFINE_integer("port", 8080, "Port; 0 for a free one, which the log tells.", 0, 65535)
    flags.DEFINE_string("name", "segmenter", "Name of the model in URLs.")
    flags.DEFINE_integer("threads", None, "Predictions at a time (default: the number of cores).", 1, 1024)
    flags.DEFINE_integer("queue", 128, "Requests that wait for their turn; further ones get 503.", 0)
    flags.DEFINE_integer("max_request_mib", 304, "Largest body of a request, MiB: --max_pixels as FP32, and 4 MiB.", 1)
    flags.DEFINE_integer("max_json_mib", 16, "Most JSON in it, MiB; while it is parsed, nobody is answered.", 1)
    flags.DEFINE_integer(
        "max_pixels", 300 * 512 * 512, "Most numbers in a tensor of a request: 300 slices of 512 x 512.", 1
    )
    flags.DEFINE_integer("grace_seconds", 30, "How long requests may take to finish when it is to stop.", 0)


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
