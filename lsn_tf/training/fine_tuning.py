"""Fine-tuning: a trained model goes on for a few epochs while some of its weights are held, bit for bit."""

from collections.abc import Collection, Mapping

import keras
import numpy as np
from keras import ops

from lsn_tf.data.pipeline import Slices, steps_per_epoch, training_batches
from lsn_tf.training.callbacks import EpochSeeds
from lsn_tf.training.deep_supervision import masks_for
from lsn_tf.training.fitting import FitOptions, compiled_model, make_repeatable


class Held(keras.constraints.Constraint):
    """Puts some weights of a variable back to what they were, after every step of an optimiser.

    Masked gradients would not hold them: Muon's step for one kernel depends on all kernels of the layer.

    Attributes:
        held: which weights, 0 or 1, shaped like the variable; none at first.
        values: of those weights.

    Args:
        shape: of the variable.
        dtype: of the variable.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str = "float32"):
        self.held, self.values = (
            keras.Variable(np.zeros(shape), dtype=dtype, trainable=False, name=name) for name in ("held", "values")
        )

    def hold(self, values: np.ndarray, held: np.ndarray) -> None:
        """Holds the weights where `held`, bool, is true at these values, both shaped like the variable."""
        self.values.assign(values)
        self.held.assign(held)

    def __call__(self, w):
        return ops.where(ops.cast(self.held, "bool"), self.values, w)


class FineTuning:
    """Trains models of one architecture on, always under the same conditions: batches, schedule, a fresh optimiser.

    Args:
        options: of the training; `epochs` is that of the fine-tuning, over which the learning rate falls to zero.
        training: the slices.
        may_be_held: paths of the variables, as Keras has them, of which weights may be held.
    """

    def __init__(self, options: FitOptions, training: Slices, may_be_held: Collection[str]):
        self.options, self.training = options, training
        self.steps = steps_per_epoch(training, options.batch_size)
        make_repeatable(options.seed)
        self.model = compiled_model(options, self.steps)
        self.constraints = {}
        for variable in self.model.trainable_variables:
            if variable.path in may_be_held:
                variable.constraint = self.constraints[variable.path] = Held(variable.shape, variable.dtype)
        self.model.optimizer.build(self.model.trainable_variables)
        self.fresh = [ops.convert_to_numpy(variable) for variable in self.model.optimizer.variables]

    def __call__(self, model: keras.Model, held: Mapping[str, np.ndarray]) -> None:
        """Trains a model on, in place.

        Args:
            model: in float32, of the architecture in the options.
            held: by the path of a variable, which of its weights keep the values that they have in the model, bool.

        Raises:
            ValueError: for a path that is not among those that may be held.
        """
        if unknown := sorted(held.keys() - self.constraints.keys()):
            raise ValueError(f"held must be of the variables {sorted(self.constraints)}. Received {unknown}.")
        copy_weights(model, self.model, model)
        for variable in self.model.trainable_variables:
            if constraint := self.constraints.get(variable.path):
                mask = held.get(variable.path, np.zeros(variable.shape, bool))
                constraint.hold(ops.convert_to_numpy(variable), mask)
        for variable, value in zip(self.model.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)
        if keras.backend.backend() != "tensorflow":
            self.model.train_function = None  # what is held is a constant of the compiled step there
        self._fit()
        copy_weights(self.model, model, model)

    def _fit(self) -> None:
        options, kind = self.options, self.model.given_contour
        batches = training_batches(self.training, options.batch_size, options.seed, 0, options.augment, kind)
        self.model.fit(
            ((inputs, masks_for(self.model, mask)) for inputs, mask in batches),
            epochs=options.epochs,
            steps_per_epoch=self.steps,
            callbacks=[EpochSeeds(options.seed)],
            shuffle=False,  # training_batches has shuffled
            verbose=0,
        )


def copy_weights(source: keras.Model, target: keras.Model, layers_of: keras.Model) -> None:
    """Copies the weights of one model's layers from a source to a target, which have them under the same names."""
    for layer in layers_of.layers:
        target.get_layer(layer.name).set_weights(source.get_layer(layer.name).get_weights())
