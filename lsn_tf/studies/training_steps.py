"""The training step that `fit` makes of a compiled model, with its loop and without it: to be timed, and counted."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from lsn_tf.data.pipeline import Slices, training_batches
from lsn_tf.studies.step_costs import StepCost, cost_by_shapes, cost_of_executable
from lsn_tf.training.callbacks import ScanValidation
from lsn_tf.training.deep_supervision import masks_for

EPOCH_STEPS = 60  # of `fit`; with batches of 8 so many make an epoch of `lits_mini`


@dataclasses.dataclass(frozen=True)
class TrainingSteps:
    """Steps of one model on one batch: forward, loss, backward, optimiser.

    Attributes:
        make: makes so many steps, one after the other, and returns the loss before the last.
        cost: of one step.
    """

    make: Callable[[int], float]
    cost: StepCost


def training_steps(model: keras.Model, inputs: Mapping[str, Any], masks: tuple[Any, ...]) -> TrainingSteps:
    """Returns the training steps of a compiled model on a batch that stays in the device's memory.

    Args:
        model: compiled, see `lsn_tf.training`.
        inputs: of the model by name, (batch, ...) each.
        masks: for each output of the model, (batch, height, width, 1).
    """
    inputs = {name: ops.convert_to_tensor(value, "float32") for name, value in inputs.items()}
    masks = tuple(ops.convert_to_tensor(mask, "float32") for mask in masks)
    if keras.backend.backend() == "jax":
        return _steps_on_jax(model, inputs, masks)

    def make(count: int) -> float:
        for _ in range(count):
            loss = model.train_on_batch(inputs, masks)
        return float(loss[0] if isinstance(loss, list) else loss)

    return TrainingSteps(make, cost_by_shapes(model, *inputs["image"].shape[:2]))


def epoch_of_fit(model: keras.Model, slices: Slices, batch_size: int) -> Callable[[], Any]:
    """Returns a function that trains for `EPOCH_STEPS` as `lsn_tf.train` does, on batches that are drawn and augmented.

    At the end the slices monitor the training.

    Args:
        model: compiled, see `lsn_tf.training`.
        slices: a batch or more of them.
        batch_size: slices a step.
    """
    monitor = ScanValidation(slices, batch_size)

    def make() -> Any:
        batches = training_batches(slices, batch_size, seed=0, contour_kind=model.given_contour)
        pairs = ((inputs, masks_for(model, mask)) for inputs, mask in batches)
        return model.fit(pairs, steps_per_epoch=EPOCH_STEPS, callbacks=[monitor], shuffle=False, verbose=0)

    return make


def _steps_on_jax(model: keras.Model, inputs: dict[str, Any], masks: tuple[Any, ...]) -> TrainingSteps:
    """Compiles `model.train_step` as Keras does, once: what is timed is what is counted."""
    import jax

    _build_state(model)
    data = inputs, masks
    groups = model.trainable_variables, model.non_trainable_variables, model.optimizer.variables
    state = tuple([variable.value for variable in group] for group in (*groups, model.metrics_variables))
    traced = jax.jit(model.train_step, donate_argnums=0).trace(state, data)
    step = traced.lower().compile()

    def make(count: int) -> float:
        nonlocal state
        for n in range(count):
            if n == count - 1:  # the means of losses that Keras keeps begin anew
                state = (*state[:-1], [jax.numpy.zeros_like(mean) for mean in state[-1]])
            logs, state = step(state, data)
        jax.block_until_ready(state)
        return float(logs["loss"])

    return TrainingSteps(make, cost_of_executable(traced, step))


def _build_state(model: keras.Model) -> None:
    """Makes the variables of the optimiser and of the loss, which Keras makes when they are first needed."""
    model.optimizer.build(model.trainable_variables)
    outputs = [ops.zeros((1, 1, 1, output.shape[-1])) for output in model.outputs]
    model.compute_loss(y=tuple(output[..., :1] for output in outputs), y_pred=outputs)
