"""How fast the networks train: beside the same U-Net in PyTorch, and beside what the device could do."""

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from lsn_tf.devices import on_accelerator
from lsn_tf.studies.roofline import COPY, PRODUCT, Peak, measured_peak
from lsn_tf.studies.step_costs import StepCost

logger = logging.getLogger(__name__)
PYTORCH = "PyTorch U-Net"
MODES = {"without torch.compile": None, "torch.compile": "default"}
MODES_ON_GPU = {**MODES, "torch.compile, CUDA graphs": "reduce-overhead"}
PACKAGES = ("keras", "tensorflow", "jax", "jaxlib", "torch", "numpy")
STEPS_ON_ACCELERATOR = 20  # in a row, so that starting and waiting hardly count


def steps_in_a_row() -> int:
    """Returns how many steps are made before the clock is read: more where one takes milliseconds."""
    return STEPS_ON_ACCELERATOR if on_accelerator() else 1


def torch_works(
    model: keras.Model, image: np.ndarray, mask: np.ndarray, precision: str
) -> Iterator[tuple[str, Callable[[int], float]]]:
    """Yields each way in which PyTorch makes training steps here: its name, and a function that makes so many of them.

    Args:
        model: a U-Net, whose layers and weights are copied.
        image: (batch, height, width, 1), HU.
        mask: (batch, height, width, 1), in [0, 1].
        precision: "float32" or "bfloat16".
    """
    try:
        module = importlib.import_module("lsn_tf.studies.torch_unet")
    except ImportError:
        logger.info("PyTorch is not installed, so nothing is compared with it.")
        return
    for name, mode in (MODES_ON_GPU if module.torch.cuda.is_available() else MODES).items():
        try:
            make = module.torch_steps(model, image, mask, precision, mode)
            make(1)
        except Exception as error:  # it may lack a compiler, or memory, or not know the device
            logger.warning("%s, %s does not work here: %s", PYTORCH, name, next(iter(str(error).splitlines()), ""))
            continue
        yield f"{PYTORCH}, {name}", make


def speed_rows(
    seconds: Mapping[str, float], costs: Mapping[str, StepCost], peak: Peak, batch_size: int
) -> list[dict[str, Any]]:
    """Returns a row for each network: its throughput, as a fraction of PyTorch's best and of the roofline.

    Args:
        seconds: of a step, by network; names of PyTorch begin with `PYTORCH`.
        costs: of a step of those whose roofline is wanted, by network.
        peak: of the device.
        batch_size: slices a step.
    """
    first, rows = next(iter(seconds.values())), []
    theirs = [time for name, time in seconds.items() if name.startswith(PYTORCH)]
    for name, time in seconds.items():
        row = {"what": name, "seconds": time, "ratio": round(time / first, 2), "slices_per_second": batch_size / time}
        if theirs and not name.startswith(PYTORCH):
            row["of_pytorch"] = round(min(theirs) / time, 3)
        if name in costs:
            row |= _roofline(time, costs[name], peak)
        rows.append(row)
    return rows


def _roofline(seconds: float, cost: StepCost, peak: Peak) -> dict[str, Any]:
    attainable = peak.attainable_seconds(cost)
    return {
        "flops": cost.flops,
        "bytes": cost.bytes,
        "counted_by": cost.counted_by,
        "attainable_seconds": attainable,
        "bound": peak.bound(cost),
        "of_roofline": round(attainable / seconds, 3),
    }


def peak_rows(seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    """Returns a row for each way to measure the device, with operations or bytes a second."""
    peak = measured_peak(seconds)
    rates = {PRODUCT: {"flops_per_second": peak.flops_per_second}, COPY: {"bytes_per_second": peak.bytes_per_second}}
    return [{"what": what, "seconds": seconds[what], **rate} for what, rate in rates.items()]
