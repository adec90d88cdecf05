"""The loop in time: steps with a time step from the CFL condition."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from lsn_tf.layers.adjoint import has_adjoint, pull_to_differences, pull_to_phi
from lsn_tf.layers.boundary import per_image
from lsn_tf.layers.level_set_step import LevelSetStep, cfl_time_step


@keras.saving.register_keras_serializable("lsn_tf")
class LevelSetEvolution(keras.layers.Layer):
    """phi(0) -> phi(T) of the level set equation by explicit steps in time.

    The time step is taken per image from the CFL condition, for whatever fields come. Gradients flow back by the
    adjoint of the steps where it is known, see `adjoint`, otherwise by automatic differentiation.

    Args:
        steps: number of steps.
        cfl: CFL number, in (0, 1).
        time_step: the longest time step, in seconds per mm of pixel size: no front is carried further than
            `time_step` pixels a step where |V| <= 1 mm/s. The CFL condition may shorten it, per image.
        tied: whether all steps share their stencils and fields (a true Euler iteration) or have one set each.
        step: the arguments of the `LevelSetStep`, e.g. {"scheme": "osher_sethian"}.
        further_steps: how many follow in use, but not in training: the front goes on towards rest, where it depends on
            the sign of the speed alone. At rest the level sets have crowded there, as steep as pixels allow, and phi
            no longer knows where between the pixels the front is: a few steps may be better than many.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.
        fields: see `LevelSetStep`; if not tied, `steps` times as many channels, those of the first step first.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.
        training: whether the further steps are left out.

    Returns:
        phi after the steps, shaped like phi, mm.

    Raises:
        ValueError: if steps < 1, cfl is not in (0, 1), or further steps are wanted that have no fields of their own.
    """

    def __init__(
        self,
        steps: int,
        cfl: float = 0.9,
        time_step: float = 0.5,
        tied: bool = True,
        step: Mapping[str, Any] | None = None,
        further_steps: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if further_steps < 0 or (further_steps and not tied):
            raise ValueError(
                "further_steps must not be negative, and 0 where steps are not tied, each with fields of its own. "
                f"Received further_steps={further_steps}, tied={tied}."
            )
        if steps < 1:
            raise ValueError(f"steps must be at least 1. Received steps={steps}.")
        if not 0 < cfl < 1:
            raise ValueError(f"cfl must be in (0, 1), the range in which the scheme is stable. Received cfl={cfl}.")
        self.steps, self.cfl, self.time_step, self.tied = steps, cfl, time_step, tied
        self.further_steps = further_steps
        self.step = dict(step or {})
        self.euler_steps = [
            LevelSetStep(**self.step, dtype=self.dtype_policy, name=f"step_{n}") for n in range(1 if tied else steps)
        ]

    def build(self, phi_shape, *_, **__):
        for step in self.euler_steps:
            step.build(phi_shape)
        self.built = True

    def call(self, phi, fields, spacing, training=None):
        if self.tied:
            count = self.steps if training else self.steps_in_use
            return self.advance(self.euler_steps[0], phi, fields, spacing, count)
        for n, step in enumerate(self.euler_steps):
            own = {name: ops.split(field, self.steps, axis=-1)[n] for name, field in fields.items()}
            phi = self.advance(step, phi, own, spacing, 1)
        return phi

    @property
    def steps_in_use(self) -> int:
        """How many steps there are outside of training."""
        return self.steps + self.further_steps

    def advance(self, step, phi, fields, spacing, count):
        """Returns phi after `count` steps of one kind."""
        time_step = self.stable_time_step(step, fields, spacing)
        if has_adjoint(step):
            return self._march(step, phi, fields, spacing, time_step, count)
        for _ in range(count):
            phi = step(phi, fields, spacing, time_step)
        return phi

    def _march(self, step, phi, fields, spacing, time_step, count):
        """Returns phi after `count` steps, differentiated by the adjoint; not by spacing and time step."""

        def march(phi, spacing, time_step, *values):
            own = dict(zip(fields, values, strict=True))
            last, passed = self.forward(step, count, phi, own, spacing, time_step)

            def adjoint(*cotangents, upstream=None):
                of_last = cotangents[0] if upstream is None else upstream
                of_phi, of_fields = self.backward(step, passed, own, spacing, time_step, of_last)
                none = ops.zeros_like(spacing), ops.zeros_like(time_step)
                return of_phi, *none, *(of_fields[name] for name in fields)

            return last, adjoint

        return ops.custom_gradient(march)(phi, spacing, time_step, *fields.values())

    def stable_time_step(self, step, fields, spacing):
        """Returns dt of each image, (batch, 1, ..., 1), s; it is not a path along which gradients flow."""
        longest = self.time_step * per_image(ops.min(spacing, axis=1), spacing.shape[1])
        return cfl_time_step(ops.stop_gradient(step.courant_rate(fields, spacing)), self.cfl, longest)

    def forward(self, step, count, phi, fields, spacing, time_step):
        """Returns phi after `count` steps, and phi before each of them, (count, batch, [depth,] height, width, 1)."""
        return ops.scan(lambda phi, _: (step(phi, fields, spacing, time_step), phi), phi, length=count)

    def backward(self, step, passed, fields, spacing, time_step, cotangent):
        """Returns the derivatives by the first phi and by the fields from that by the last phi, and phi before each.

        What is carried from step to step are the derivatives by the differences of phi: each is computed once there,
        where XLA would compute them once for every pixel that looks at them.
        """

        def back(n, state):
            of_phi, of_fields, of_differences = state
            of_phi = of_phi + pull_to_phi(of_differences, spacing)
            phi = passed[count - 2 - n]
            more, of_differences = pull_to_differences(step, phi, fields, spacing, time_step, of_phi)
            return of_phi, {name: of_fields[name] + more[name] for name in fields}, of_differences

        count = passed.shape[0]
        of_last = pull_to_differences(step, passed[count - 1], fields, spacing, time_step, cotangent)
        of_phi, of_fields, of_differences = ops.fori_loop(0, count - 1, back, (cotangent, *of_last))
        return of_phi + pull_to_phi(of_differences, spacing), of_fields

    def compute_output_shape(self, phi_shape, *_, **__):
        return phi_shape  # said, so that building a model does not trace every step

    def get_config(self):
        config = {"steps": self.steps, "cfl": self.cfl, "time_step": self.time_step, "tied": self.tied}
        return {**super().get_config(), **config, "step": self.step, "further_steps": self.further_steps}
