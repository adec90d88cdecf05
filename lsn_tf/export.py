"""Exports a trained model as a SavedModel for serving, and proves that both give the same phi.

    python -m lsn_tf.export --run_dir=runs/lsn

Writes saved_model/1 and certificate.json in the run. The certificate says what numerical analysis knows of the model:
consistency of its stencils, CFL number, monotonicity by term, and an attack on its stability.

The SavedModel's signature serving_default takes
    image    (batch, height, width, 1), raw HU, any height and width, float32
    spacing  (batch, 2), pixel size (dy, dx) in mm, float32
and gives phi in mm (negative inside), probability, and mask (uint8), all (batch, height, width, 1). The HU window and
the resampling to the grid of training are inside. For images of another type there is a signature each: serving_int16
and so on.
"""

import logging
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir, write_json
from lsn_tf.certificate import certify
from lsn_tf.data.sources import open_source
from lsn_tf.evaluate import load_segmenter
from lsn_tf.layers import Occupancy
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.training.tracing import trace_steps_once

logger = logging.getLogger(__name__)
IMAGE_DTYPES = ("float16", "float32", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64")
TOLERANCE_MM = 1e-3  # of phi, some 100 mm in float32 after some 20 steps
PARITY_SLICES = 8


def export(run_dir: str) -> dict[str, Any]:
    """Writes the SavedModel of a run. Returns where it lies and the largest difference of phi, mm.

    Raises:
        FileNotFoundError: if there is no finished run in run_dir.
        RuntimeError: if the SavedModel does not give the model's phi; it is removed then.
    """
    run = RunDir(run_dir)
    model = load_segmenter(run, certified=False)  # it is about to be certified
    write_saved_model(model, run.saved_model)
    image, spacing = _real_slices(run)
    difference = largest_difference(model, run.saved_model, image, spacing)
    if not difference <= TOLERANCE_MM:
        shutil.rmtree(run.saved_model)
        raise RuntimeError(
            f"the SavedModel must give the model's phi within {TOLERANCE_MM} mm. They differ by {difference} mm, "
            f"so it was removed. Please report this with {run.config}."
        )
    certificate = certify(model.model, model.grid_inputs({"image": image, "spacing": spacing}))
    write_json(run.certificate, certificate)
    return {
        "saved_model": str(run.saved_model),
        "largest_difference_mm": difference,
        "certificate": str(run.certificate),
        "certified": certificate["certified"],
        "certificate_reason": certificate["reason"],
    }


def write_saved_model(model: AnySize, folder: pathlib.Path) -> None:
    """Writes a SavedModel with one signature for each type of image; a folder there is replaced when it is whole."""
    probability = Occupancy()
    trace_steps_once(model.model, jit_compile=False)

    @tf.function(input_signature=_signature("float32"))  # traced once for all types of images
    def segment(image, spacing):
        phi = model({"image": image, "spacing": spacing})
        return {"phi": phi, "probability": probability(phi), "mask": tf.cast(phi * INSIDE > 0, tf.uint8)}

    def serve(image, spacing):
        return segment(tf.cast(image, tf.float32), spacing)

    temporary = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(temporary, ignore_errors=True)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for dtype in IMAGE_DTYPES:
        name = "serving_default" if dtype == "float32" else f"serving_{dtype}"
        archive.add_endpoint(name, serve, input_signature=_signature(dtype))
    archive.write_out(str(temporary), verbose=False)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def _signature(dtype: str) -> list[tf.TensorSpec]:
    return [
        tf.TensorSpec((None, None, None, 1), dtype, name="image"),
        tf.TensorSpec((None, 2), tf.float32, name="spacing"),
    ]


def largest_difference(model: AnySize, folder: pathlib.Path, image: np.ndarray, spacing: np.ndarray) -> float:
    """Returns max |phi of the model - phi of the SavedModel|, mm, on these slices."""
    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    image, spacing = tf.constant(image, tf.float32), tf.constant(spacing, tf.float32)
    return float(
        tf.reduce_max(tf.abs(model({"image": image, "spacing": spacing}) - served(image=image, spacing=spacing)["phi"]))
    )


def _real_slices(run: RunDir) -> tuple[np.ndarray, np.ndarray]:
    """Returns some slices of the held-out fold as they come, (n, height, width, 1), and their spacing."""
    trained = run.read_config()
    scan = next(open_source(trained["dataset"], trained["data_dir"]).scans(trained["fold"]))
    image = scan.image[:PARITY_SLICES, ..., None]
    return image, np.tile(np.asarray(scan.spacing_mm[1:], np.float32), (len(image), 1))


def print_results(results: Mapping[str, Any]) -> None:
    """Prints where the SavedModel lies and how well it agrees."""
    print(
        f"{results['saved_model']}: phi differs from the model's by at most {results['largest_difference_mm']:.2g} mm"
    )
    verdict = "certified" if results["certified"] else "not certified"
    print(f"{results['certificate']}: {verdict}, {results['certificate_reason']}")


def main() -> dict[str, Any]:
    """Reads the flags and exports."""
    return export(flags.FLAGS.run_dir)


if __name__ == "__main__":
    common_flags.run_command(main, common_flags.define_run_dir_flag, __doc__, print_results)
