"""How much arithmetic and how much memory traffic a training step asks for: what a roofline sets against its time."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from lsn_tf.layers import LevelSetEvolution

PASSES = 3  # forward, and backward by the activations and by the weights


@dataclasses.dataclass(frozen=True)
class StepCost:
    """What a step asks of the device.

    Attributes:
        flops: floating-point operations; a multiplication and an addition are two.
        bytes: that are read from memory and written to it.
        counted_by: "XLA" or "shapes".
    """

    flops: float
    bytes: float
    counted_by: str


def cost_by_xla(function: Callable, *arguments: Any) -> StepCost:
    """Returns the cost of a function of JAX: operations as it is written, bytes as XLA has fused it.

    XLA counts the body of a loop once. Here it counts as often as it is computed.

    Args:
        function: of JAX arrays.
        arguments: of it, arrays or their shapes and types.
    """
    import jax

    traced = jax.jit(function).trace(*arguments)
    return cost_of_executable(traced, traced.lower().compile())


def cost_of_executable(traced: Any, executable: Any) -> StepCost:
    """Returns the cost of a function that `jax.jit` has traced and compiled, see `cost_by_xla`."""
    _, in_all = _once_and_in_all(traced, executable)
    return StepCost(float(in_all[0]), float(in_all[1]), "XLA")


def _once_and_in_all(traced: Any, executable: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns (operations, bytes) with the body of every loop counted once, as XLA does, and with all its turns."""
    once = in_all = np.array([_operations(traced.jaxpr), executable.cost_analysis().get("bytes accessed", 0.0)])
    for body, turns in _loops(traced.jaxpr.jaxpr):
        of_body = _jitted(body).trace(*_shapes(body))
        body_once, body_in_all = _once_and_in_all(of_body, of_body.lower().compile())
        in_all = in_all + turns * body_in_all - body_once
    return once, in_all


def _operations(jaxpr: Any) -> float:
    """Returns the operations of a jaxpr as XLA counts them before it compiles.

    It is lowered for the CPU, which JAX must not have been told to leave out: for a GPU there is no such count.
    """
    import jax

    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        return _jitted(jaxpr).lower(*_shapes(jaxpr)).cost_analysis().get("flops", 0.0)


def _jitted(jaxpr: Any) -> Any:
    import jax
    from jax.extend.core import jaxpr_as_fun

    return jax.jit(jaxpr_as_fun(jaxpr))


def _shapes(jaxpr: Any) -> list[Any]:
    import jax

    return [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in jaxpr.in_avals]


def _loops(jaxpr: Any) -> Iterator[tuple[Any, int]]:
    """Yields the body of each outermost loop with a known number of turns, as a closed jaxpr, and that number."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            yield equation.params["jaxpr"], equation.params["length"]
            continue
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _loops(inner)


def cost_by_shapes(model: keras.Model, batch_size: int, image_size: int) -> StepCost:
    """Returns the least that a training step of a model asks for, where nothing better is known.

    Operations are those of the convolutions, `PASSES` times. Every output of a layer is written and read once a pass,
    phi so in every step of an evolution, and so is every weight.

    Args:
        model: of `lsn_tf.models`, as it is trained.
        batch_size: slices.
        image_size: their side, pixels.
    """
    flops, moved = 0, 0
    for layer, outputs in _outputs_of_layers(model, batch_size, image_size):
        pixels = math.prod(outputs[0].shape[:3])
        kernels = [weight for weight in layer.trainable_weights if len(weight.shape) == 4]
        flops += sum(2 * math.prod(kernel.shape) * pixels for kernel in kernels)
        times = layer.steps if isinstance(layer, LevelSetEvolution) else 1
        moved += times * sum(_bytes(output) for output in outputs) + sum(_bytes(w) for w in layer.trainable_weights)
    return StepCost(float(PASSES * flops), float(PASSES * 2 * moved), "shapes")


def _outputs_of_layers(model: keras.Model, batch_size: int, image_size: int) -> Iterator[tuple[Any, list[Any]]]:
    """Yields each layer and its outputs as symbolic tensors of known shape."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    known = {
        tensor.name: keras.KerasTensor((batch_size, *(side or image_size for side in tensor.shape[1:])), tensor.dtype)
        for tensor in model.inputs
    }
    every = keras.Model(model.input, [layer.output for layer in layers])
    for layer, outputs in zip(layers, every.compute_output_spec(known), strict=True):
        yield layer, keras.tree.flatten(outputs)


def _bytes(tensor: Any) -> int:
    bits = 16 if tensor.dtype in ("bfloat16", "float16") else 32
    return math.prod(tensor.shape) * bits // 8
