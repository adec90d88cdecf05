"""The SavedModel of a trained model: raw HU of any type and size in, phi, probability and mask out."""

import pathlib
import shutil
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from lsn_tf.layers import Occupancy
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.training.tracing import trace_steps_once

INPUTS = ("image", "spacing", "phi_0")  # the last where a model starts from a given contour
IMAGE_DTYPES = ("float16", "float32", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64")


def write_saved_model(model: AnySize, folder: pathlib.Path) -> None:
    """Writes a SavedModel with one signature for each type of image; a folder there is replaced when it is whole."""
    probability = Occupancy()
    trace_steps_once(model.model, jit_compile=False)

    def signature(dtype):
        return _signature(dtype, model.model.given_contour is not None)

    @tf.function(input_signature=signature("float32"))  # traced once for all types of images
    def segment(image, *others):
        phi = model(dict(zip(INPUTS, (image, *others), strict=False)))
        return {"phi": phi, "probability": probability(phi), "mask": tf.cast(phi * INSIDE > 0, tf.uint8)}

    def serve(image, *others):
        return segment(tf.cast(image, tf.float32), *others)

    temporary = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(temporary, ignore_errors=True)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for dtype in IMAGE_DTYPES:
        name = "serving_default" if dtype == "float32" else f"serving_{dtype}"
        archive.add_endpoint(name, serve, input_signature=signature(dtype))
    archive.write_out(str(temporary), verbose=False)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def _signature(dtype: str, from_given: bool) -> list[tf.TensorSpec]:
    specs = [
        tf.TensorSpec((None, None, None, 1), dtype, name="image"),
        tf.TensorSpec((None, 2), tf.float32, name="spacing"),
    ]
    return specs + [tf.TensorSpec((None, None, None, 1), tf.float32, name="phi_0")] * from_given


def largest_difference(model: AnySize, folder: pathlib.Path, inputs: Mapping[str, np.ndarray]) -> float:
    """Returns max |phi of the model - phi of the SavedModel|, mm, on these slices."""
    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    tensors = {name: tf.constant(values, tf.float32) for name, values in inputs.items()}
    return float(tf.reduce_max(tf.abs(model(tensors) - served(**tensors)["phi"])))
