"""Shows a CT scan and its segmentations in a browser, evolves contours from clicks, and saves what comes out.

    python -m lsn_tf.view ct.nii.gz
    python -m lsn_tf.view --input=ct.nii.gz --reference=liver.nii.gz --model=runs/lsn,runs/unet
    python -m lsn_tf.view --input=series/ --mask=liver.nii.gz --port=8080

Open the address that it prints. The page shows the scan in three planes and in space (NiiVue, which comes with the
package: no internet is needed), and over it the contours of the level set equation (LSE), of networks (LSN, U-Net), of
a mask and of a reference, one over the other or side by side, with Dice. Click a point, or draw a contour, and the
front evolves from it: by the LSE, or by the speed that an LSN has learned; in one slice or in space. A slider goes
through phi(t). To the contour of a mask or of a network a front is added, so that a click corrects it; your own it
replaces. What is shown can be downloaded as NIfTI; it lies voxel on voxel on the scan. What is not downloaded is lost
with Ctrl-C; the page asks before it is closed. Mouse and keys are those of ITK-SNAP; ? tells them.

A scan is a NIfTI file or the folder of a DICOM series. --model names runs, SavedModels or packaged weights, with commas
between. Without it the packaged weights are taken, where there are some.

The scan stays on this machine: the server listens on the loopback interface alone, and refuses what other hosts' and
other sites' pages send. To look from elsewhere: ssh -L 8080:127.0.0.1:8080 MACHINE. Whoever is logged in on this
machine can look, too. Ctrl-C ends it. For research, not for clinical use.
"""

import contextlib
import dataclasses
import logging
import signal
import socket
import webbrowser
from collections.abc import Iterator, Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.listening import bound_socket, url
from lsn_tf.segmenters import Segmenter, open_segmenter
from lsn_tf.viewer.loopback import is_loopback
from lsn_tf.viewer.sources import Sources, open_session
from lsn_tf.weights import packaged

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Config:
    """What to look at, and where.

    Attributes:
        sources: scan, mask and reference.
        models: see `open_segmenter`; none for the packaged ones.
        host: name or address of the loopback interface.
        port: 0 for a free one.
        browser: whether to open one.
    """

    sources: Sources
    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    browser: bool = False


def view(config: Config) -> dict[str, Any]:
    """Serves the page until it is interrupted. Returns what was shown where.

    Raises:
        ValueError: for a scan, mask or model that cannot be used, or a host that is not the loopback interface.
        OSError: if the port is taken.
    """
    import uvicorn

    from lsn_tf.viewer.app import make_app

    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(listen(config.host, config.port))
        session = stack.enter_context(open_session(config.sources, segmenters_of(config)))
        session.warm_up()
        page = f"{url(listening)}/"
        server = uvicorn.Server(
            uvicorn.Config(make_app(session), log_level="warning", timeout_graceful_shutdown=2, lifespan="off")
        )
        logger.warning(f"{session.name}: open {page} in a browser; Ctrl-C ends it.")
        if config.browser:
            webbrowser.open(page)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    return {"input": config.sources.scan, "url": page}


def segmenters_of(config: Config) -> list[Segmenter]:
    """Returns the networks that are named, or those that come with the package."""
    return [open_segmenter(model) for model in config.models or packaged.names()]


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Gives a socket that listens on the loopback interface.

    Raises:
        ValueError: for another interface.
        OSError: if the port is taken.
    """
    if not is_loopback(host):
        raise ValueError(
            f"--host must be this machine's own, such as 127.0.0.1 or localhost: scans show patients. Received {host}. "
            "To look from elsewhere: ssh -L 8080:127.0.0.1:8080 MACHINE."
        )
    try:
        listening = bound_socket(host.strip("[]"), port)
    except OSError as error:
        raise OSError(f"--port must be a free one. Received {port}: {error.strerror}. 0 takes any.") from error
    with listening:
        listening.listen()  # a browser that comes before the server is ready waits
        yield listening


def print_results(results: Mapping[str, Any]) -> None:
    """Says that it is over."""
    print(f"{results['input']} is no longer shown.")


def main() -> dict[str, Any]:
    """Reads the flags and shows the scan."""
    values = flags.FLAGS
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not values.input:
        raise ValueError("--input must be a scan, a NIfTI file or the folder of a DICOM series. Received none.")
    sources = Sources(values.input, values.mask, values.reference, values.check_intensities)
    return view(Config(sources, tuple(values.model), values.host, values.port, values.browser))


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("input", None, "CT scan: NIfTI file, or folder of a DICOM series.")
    flags.DEFINE_string("mask", None, "Mask on the scan to show and to correct, NIfTI.")
    flags.DEFINE_string("reference", None, "Mask on the scan that others are compared with, NIfTI.")
    flags.DEFINE_list("model", [], "Runs, SavedModels, or packaged weights by name, with commas between.")
    flags.DEFINE_string("host", "127.0.0.1", "Name or address of the loopback interface.")
    flags.DEFINE_integer("port", 8080, "Port to listen on; 0 for any that is free.", 0, 65535)
    flags.DEFINE_bool("browser", False, "Open the page in a browser.")
    flags.DEFINE_bool("check_intensities", True, "Refuse what does not look like CT in HU.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results, positional="input")
