"""The functions of an exported model: TensorFlow graphs from raw HU and pixel sizes to phi, probability and mask."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from keras import ops

from lsn_tf.exported.mask_distance import distance_to_pixels
from lsn_tf.layers import LevelSetEvolution, Occupancy
from lsn_tf.models import AnySize, LevelSetNetwork
from lsn_tf.numerics.level_sets import INSIDE

INPUTS = ("image", "spacing", "phi_0")  # the last where a model starts from a given contour
SLICE_DTYPES = ("float16", "float32", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64")
VOLUME_DTYPES = ("float32", "int16")
CHUNK = 8  # slices of a volume that pass the network together
LONGEST_STEPS = 10_000  # of an evolution: a request must end
MOST_TIMES = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """A function of an exported model: what it computes, and the tensors that it takes."""

    function: Callable
    specs: list[tf.TensorSpec]


def segmentation(model: AnySize) -> Signature:
    """Returns the function of a model on slices: (image, spacing[, phi_0]) -> phi, probability, mask."""
    from_given = model.model.given_contour is not None

    def segment(image, *others):
        return outputs(model(dict(zip(INPUTS, (image, *others), strict=False))))

    specs = [_spec((None, None, None, 1), "float32", "image"), _spec((None, 2), "float32", "spacing")]
    specs += [_spec((None, None, None, 1), "float32", "phi_0")] * from_given
    return Signature(tf.function(segment, input_signature=specs), specs)  # traced once for all types of images


def signatures(model: AnySize) -> dict[str, Signature]:
    """Returns the functions of a SavedModel by name.

    Args:
        model: a trained model. It is changed: its steps in time become loops of the graph, see `as_graph_loops`.

    Returns:
        "serving_default" and "serving_DTYPE" on slices; for a model that needs no contour to start from "volume" and
        "volume_int16"; and for one that solves an equation "evolve" and "evolve_mask".
    """
    as_graph_loops(model.model)
    slices = segmentation(model)
    found = {signature_name("serving", dtype): _of_slices(slices, dtype) for dtype in SLICE_DTYPES}
    if model.model.given_contour is None:
        found |= {signature_name("volume", dtype): _of_volume(slices, dtype) for dtype in VOLUME_DTYPES}
    if solves_one_equation(model.model):
        found |= {"evolve": _evolving(model), "evolve_mask": _evolving_mask(model)}
    return found


def signature_name(kind: str, dtype: str) -> str:
    """Returns the name of the function "serving" or "volume" for images of this type."""
    if dtype == "float32":
        return {"serving": "serving_default"}.get(kind, kind)
    return f"{kind}_{dtype}"


def outputs(phi) -> dict[str, tf.Tensor]:
    """Returns what a user wants of phi, mm: itself, the probability, and the mask, uint8; all of its shape."""
    return {"phi": phi, "probability": Occupancy()(phi), "mask": tf.cast(phi * INSIDE > 0, tf.uint8)}


def as_graph_loops(model: keras.Model) -> None:
    """Makes the steps in time of a model loops of the graph, which keep no phi for a derivative."""
    for layer in model.layers:
        if isinstance(layer, LevelSetEvolution):
            layer.advance = _loop(layer)


def _loop(layer: LevelSetEvolution) -> Callable:
    def advance(step, phi, fields, spacing, count):
        time_step = layer.stable_time_step(step, fields, spacing)
        return ops.fori_loop(0, count, lambda _, phi: step(phi, fields, spacing, time_step), phi)

    return advance


def solves_one_equation(model: keras.Model) -> bool:
    """Whether a model has an equation on its finest grid that does not change from step to step."""
    return isinstance(model, LevelSetNetwork) and model.evolutions[-1].tied


def _of_slices(slices: Signature, dtype: str) -> Signature:
    def serve(image, spacing, *phi_0):
        image = _checked(tf.cast(image, tf.float32), spacing, *phi_0)
        return slices.function(image, spacing, *phi_0)

    return Signature(serve, [_spec((None, None, None, 1), dtype, "image"), *slices.specs[1:]])


def _of_volume(slices: Signature, dtype: str) -> Signature:
    """Returns the function (slices, height, width) HU, (dz, dy, dx) mm -> phi, probability, mask, volume_ml."""

    def segment_chunk(image, spacing):
        in_plane = tf.tile(spacing[None, 1:], (tf.shape(image)[0], 1))
        return slices.function(tf.cast(image, tf.float32)[..., None], in_plane)["phi"][..., 0]

    def serve(image, spacing):
        image = _checked(image, spacing)
        count = tf.shape(image)[0]
        chunks = tf.TensorArray(tf.float32, 0, True, infer_shape=False, element_shape=(None, None, None))

        def add(n, voxels, chunks):
            phi = segment_chunk(image[n : n + CHUNK], spacing)
            voxels += tf.math.count_nonzero(phi * INSIDE > 0)
            return n + CHUNK, voxels, chunks.write(n // CHUNK, phi)

        start = (0, tf.zeros((), tf.int64), chunks)
        _, voxels, chunks = tf.while_loop(lambda n, *_: n < count, add, start, parallel_iterations=1)
        found = outputs(tf.ensure_shape(chunks.concat(), (None, None, None)))
        return {**found, "volume_ml": tf.cast(voxels, tf.float32) * tf.reduce_prod(spacing) / 1000}

    return Signature(serve, [_spec((None, None, None), dtype, "image"), _spec((3,), "float32", "spacing")])


def _evolving(model: AnySize) -> Signature:
    """Returns the function image, spacing, phi_0, times -> phi at these times, by the equation on the finest grid."""
    network, evolution = model.model, model.model.evolutions[-1]
    step = evolution.euler_steps[0]
    symbolic = {tensor.name: tensor for tensor in network.inputs if tensor.name != "phi_0"}
    coefficients = keras.Model(symbolic, network.equations[-1]["fields"])

    def evolve(image, spacing, phi_0, times):
        image = _checked(image, spacing, phi_0)
        size = tf.unstack(tf.shape(image))
        given = {"image": image[None, ..., None], "spacing": spacing[None], "phi_0": phi_0[None, ..., None]}
        given = model.grid_inputs(given)
        phi, spacing = given.pop("phi_0"), given["spacing"]
        fields = coefficients(given)
        dt = evolution.stable_time_step(step, fields, spacing)

        def euler(phi, seconds):
            return step(phi, fields, spacing, seconds)

        phis = _at_times(euler, phi, dt, _checked_times(times, dt))
        found = outputs(model.from_grid(phis, size=size)[..., 0])
        return {**found, "seconds_of_the_model": tf.reshape(dt, ()) * evolution.steps_in_use}

    return Signature(evolve, [*_SLICE_SPECS, _spec((None, None), "float32", "phi_0"), _TIMES_SPEC])


def _evolving_mask(model: AnySize) -> Signature:
    """Returns the function image, spacing, mask, times -> what `_evolving` gives from the mask's signed distance."""
    evolve = _evolving(model).function

    def evolve_mask(image, spacing, mask, times):
        inside = mask > 0
        mixed = tf.reduce_any(inside) & ~tf.reduce_all(inside)
        message = "mask must have pixels inside and outside. Received this share inside:"
        with tf.control_dependencies(
            [tf.debugging.Assert(mixed, [message, tf.reduce_mean(tf.cast(inside, "float32"))])]
        ):
            return evolve(image, spacing, distance_to_pixels(tf.identity(inside), spacing), times)

    return Signature(evolve_mask, [*_SLICE_SPECS, _spec((None, None), "uint8", "mask"), _TIMES_SPEC])


def _at_times(euler: Callable, phi, dt, times):
    """Returns phi at each of the times, (times, height, width, 1): whole steps of dt, and one that ends there.

    So phi at a time does not depend on which other ones are asked for.
    """
    frames = tf.TensorArray(tf.float32, tf.shape(times)[0], element_shape=(None, None, 1))

    def add(n, phi, done, frames):
        whole = tf.cast(times[n] / tf.reshape(dt, ()), tf.int32)
        phi = ops.fori_loop(done, whole, lambda _, phi: euler(phi, dt), phi)
        rest = times[n] - tf.cast(whole, tf.float32) * dt
        return n + 1, phi, whole, frames.write(n, euler(phi, rest)[0])

    def more(n, *_):
        return n < tf.shape(times)[0]

    invariants = (tf.TensorShape(()), phi.shape, tf.TensorShape(()), tf.TensorShape(None))
    return tf.while_loop(more, add, (0, phi, 0, frames), invariants, parallel_iterations=1)[-1].stack()


def _checked(image, spacing, *phi_0):
    """Returns the image. A request that is no image with pixel sizes ends with what was expected and what came."""
    shape = tf.shape(image)
    checks = [
        _must(tf.reduce_all(shape > 0), "image must have pixels. Received the shape", shape),
        _must(
            tf.reduce_all(tf.math.is_finite(spacing) & (spacing > 0)),
            "spacing must be positive, mm. Received",
            spacing,
        ),
    ]
    if len(spacing.shape) == 2:
        checks += [
            _must(
                tf.shape(spacing)[0] == shape[0],
                "spacing must have a row for each slice of image. Received the shapes",
                shape,
                tf.shape(spacing),
            )
        ]
    if image.dtype.is_floating:
        checks += [_all_finite(image, "image")]
    for other in phi_0:
        message = "phi_0 must have the shape of image. Received"
        checks += [_must(tf.reduce_all(tf.shape(other) == shape), message, tf.shape(other), shape)]
        checks += [_all_finite(other, "phi_0")]
    with tf.control_dependencies(checks):
        return tf.identity(image)


def _checked_times(times, dt):
    """Returns the times, not negative, in order, and so few and early that the evolution ends."""
    latest = LONGEST_STEPS * tf.reshape(dt, ())
    in_order = tf.reduce_all(tf.math.is_finite(times) & (times >= 0)) & tf.reduce_all(times[1:] >= times[:-1])
    checks = [
        _must(in_order, "times must be seconds in ascending order, from 0 on. Received", times),
        _must(tf.reduce_all(times <= latest), "times must not exceed (s)", latest, "here. Received", times),
        _must(
            (tf.size(times) > 0) & (tf.size(times) <= MOST_TIMES),
            f"times must hold 1 to {MOST_TIMES} numbers. Received how many:",
            tf.size(times),
        ),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(times)


def _all_finite(tensor, name: str):
    return _must(tf.reduce_all(tf.math.is_finite(tensor)), f"{name} must be finite. Received NaN or infinity.")


def _must(condition, *data):
    return tf.debugging.Assert(condition, data, summarize=8)


def _spec(shape: Sequence[int | None], dtype: str, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name=name)


_SLICE_SPECS = (_spec((None, None), "float32", "image"), _spec((2,), "float32", "spacing"))
_TIMES_SPEC = _spec((None,), "float32", "times")
