"""Exports a trained model as a SavedModel for serving, and proves that both give the same phi.

    python -m lsn_tf.export --run_dir=runs/lsn

Writes saved_model/1 and certificate.json in the run. The certificate says what numerical analysis knows of the model:
consistency of its stencils, CFL number, monotonicity by term, and an attack on its stability.

Only Keras' TensorFlow backend can write a SavedModel. A run that was trained on JAX is exported on a machine with
TensorFlow; if the data set lies elsewhere there, --arrays, or --data_dir, says where.

The SavedModel's signature serving_default takes
    image    (batch, height, width, 1), raw HU, any height and width, float32
    spacing  (batch, 2), pixel size (dy, dx) in mm, float32
    phi_0    (batch, height, width, 1), the initial contour in mm, float32, only for a network that starts from one
and gives phi in mm (negative inside), probability, and mask (uint8), all (batch, height, width, 1). The HU window and
the resampling to the grid of training are inside. For images of another type there is a signature each: serving_int16
and so on.
"""

import dataclasses
import logging
import shutil
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir, write_json
from lsn_tf.certificate import certify
from lsn_tf.evaluate import load_segmenter, open_run_source, scan_inputs
from lsn_tf.models import AnySize

logger = logging.getLogger(__name__)
TOLERANCE_MM = 1e-3  # of phi, some 100 mm in float32 after some 20 steps
PARITY_SLICES = 8


def export(run_dir: str, data_dir: str | None = None, arrays: str | None = None) -> dict[str, Any]:
    """Writes the SavedModel and the certificate of a run.

    Args:
        run_dir: a finished run.
        data_dir, arrays: where its data set lies, see `open_source`; None for where it lay in training.

    Returns:
        Where both lie, the largest difference of phi, mm, and whether the model is certified.

    Raises:
        FileNotFoundError: if there is no finished run in run_dir.
        ValueError: if Keras does not run on TensorFlow.
        RuntimeError: if the SavedModel does not give the model's phi; it is removed then.
    """
    if not writes_saved_models():
        raise ValueError(f"KERAS_BACKEND must be tensorflow to export. Received {keras.backend.backend()!r}.")
    from lsn_tf.saved_model import largest_difference, write_saved_model

    run, model, inputs = _run_model_and_slices(run_dir, data_dir, arrays)
    write_saved_model(model, run.saved_model)
    difference = largest_difference(model, run.saved_model, inputs)
    if not difference <= TOLERANCE_MM:
        shutil.rmtree(run.saved_model)
        raise RuntimeError(
            f"the SavedModel must give the model's phi within {TOLERANCE_MM} mm. They differ by {difference} mm, "
            f"so it was removed. Please report this with {run.config}."
        )
    exported = {"saved_model": str(run.saved_model), "largest_difference_mm": difference}
    return exported | _write_certificate(run, model, inputs)


def writes_saved_models() -> bool:
    """Whether Keras runs on the backend that can."""
    return keras.backend.backend() == "tensorflow"


def write_certificate(run_dir: str) -> dict[str, Any]:
    """Writes the certificate of a run, on any backend. Returns where it lies and whether the model is certified.

    Raises:
        FileNotFoundError: if there is no finished run in run_dir.
    """
    return _write_certificate(*_run_model_and_slices(run_dir))


def _write_certificate(run: RunDir, model: AnySize, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    certificate = certify(model.model, model.grid_inputs(inputs))
    write_json(run.certificate, certificate)
    return {
        "certificate": str(run.certificate),
        "certified": certificate["certified"],
        "certificate_reason": certificate["reason"],
    }


def _run_model_and_slices(
    run_dir: str, data_dir: str | None = None, arrays: str | None = None
) -> tuple[RunDir, AnySize, dict[str, np.ndarray]]:
    """Returns a run, its model, and some slices of its held-out fold as they come, with what else it is given."""
    run = RunDir(run_dir)
    model = load_segmenter(run, certified=False)  # it is about to be certified
    trained = run.read_config()
    scan = next(open_run_source(trained, data_dir=data_dir, arrays=arrays).scans(trained["fold"]))
    scan = dataclasses.replace(scan, image=scan.image[:PARITY_SLICES], label=scan.label[:PARITY_SLICES])
    return run, model, scan_inputs(model, scan, trained["target"])


def print_results(results: Mapping[str, Any]) -> None:
    """Prints where the SavedModel lies and how well it agrees."""
    print(
        f"{results['saved_model']}: phi differs from the model's by at most {results['largest_difference_mm']:.2g} mm"
    )
    verdict = "certified" if results["certified"] else "not certified"
    print(f"{results['certificate']}: {verdict}, {results['certificate_reason']}")


def main() -> dict[str, Any]:
    """Reads the flags and exports."""
    values = flags.FLAGS
    return export(values.run_dir, values.data_dir, values.arrays)


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_run_dir_flag()
    common_flags.define_arrays_flag()
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps prepared data sets (default: as in training).")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
