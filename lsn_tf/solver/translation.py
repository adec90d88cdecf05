"""Back and forth between a level set network and the equation that it solves."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from lsn_tf.layers import LevelSetEvolution, LevelSetStep, Refine, StencilConv
from lsn_tf.layers.boundary import per_image
from lsn_tf.models import LevelSetNetwork
from lsn_tf.solver.marching import March, march_of


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """The level set equation on one grid, discretised.

    Attributes:
        fields: the coefficients, see `LevelSetStep`; arrays (batch, [depth,] height, width, channel).
        spacing_mm: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.
        time_step: dt, (batch,), s.
        steps: number of steps; T = dt * steps.
        step: the arguments of the `LevelSetStep`, its dtype among them.
        kernels: the kernel of each stencil layer that has learned, by the name of the layer; empty where all are those
            of the catalogue.
    """

    fields: Mapping[str, np.ndarray]
    spacing_mm: np.ndarray
    time_step: np.ndarray
    steps: int
    step: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    kernels: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def make_step(self) -> LevelSetStep:
        """Returns the step, with its learned stencils."""
        step = LevelSetStep(**self.step)
        step.build((None,) * (self.spacing_mm.shape[1] + 1) + (1,))
        for name, layer in stencil_layers(step).items():
            if name in self.kernels:
                layer.kernel.assign(self.kernels[name])
        return step


@dataclasses.dataclass(frozen=True, eq=False)
class Discretization:
    """A level set equation on one grid or on several, each twice as fine as the one before it.

    Attributes:
        phi: where it starts, (batch, [depth,] height, width, 1) on the first grid, mm.
        stages: grid after grid, and step after step where each has coefficients of its own.
    """

    phi: np.ndarray
    stages: tuple[Stage, ...]

    def solve(self, phi: np.ndarray | None = None) -> np.ndarray:
        """Returns phi on the last grid, mm, from another start if one is given; each stage is one compiled loop."""
        phi = self.phi if phi is None else phi
        for stage, march in zip(self.stages, self._marches, strict=True):
            dtype = march.step.compute_dtype
            phi = _on_grid(ops.convert_to_tensor(phi, dtype), _grid(stage))
            fields = {name: ops.convert_to_tensor(field, dtype) for name, field in stage.fields.items()}
            dt = per_image(ops.convert_to_tensor(stage.time_step, dtype), stage.spacing_mm.shape[1])
            phi = march(phi, fields, ops.convert_to_tensor(stage.spacing_mm, dtype), dt, stage.steps)
        return ops.convert_to_numpy(phi)

    def singly(self) -> Iterator["Discretization"]:
        """Yields each stage by itself, from the phi that it is given."""
        phi = self.phi
        for stage in self.stages:
            phi = ops.convert_to_numpy(_on_grid(ops.convert_to_tensor(phi), _grid(stage)))
            single = Discretization(phi, (stage,))
            yield single
            phi = single.solve()

    def step_by_step(self) -> Iterator[tuple[Stage, list[np.ndarray]]]:
        """Yields each stage with phi before its first step and after each of its steps, mm."""
        phi = self.phi
        for stage in self.stages:
            phi = ops.convert_to_numpy(_on_grid(ops.convert_to_tensor(phi), _grid(stage)))
            step, phis = Discretization(phi, (dataclasses.replace(stage, steps=1),)), [phi]
            for _ in range(stage.steps):
                phis.append(step.solve(phis[-1]))
            yield stage, phis
            phi = phis[-1]

    @functools.cached_property
    def _marches(self) -> list[March]:
        return [march_of(stage.make_step(), self.phi.shape) for stage in self.stages]


def stencil_layers(step: LevelSetStep) -> dict[str, StencilConv]:
    """Returns the stencil layers of a built step by name: "one_sided" and "central", as far as it has them."""
    layers = {"one_sided": step.one_sided, "central": getattr(step.bending, "derivatives", None)}
    return {name: layer for name, layer in layers.items() if isinstance(layer, StencilConv)}


def to_solver(model: keras.Model, inputs: Mapping[str, Any]) -> Discretization:
    """Returns the equation that a level set model solves for these images: speed fields, stencils, dt and T.

    Args:
        model: an LSE or LSN, trained or not; or a network of `from_solver`, whatever it has learned since.
        inputs: what the model takes.

    Raises:
        ValueError: if the model is no level set model.
    """
    stages = tuple(layer.as_stage() for layer in model.layers if isinstance(layer, StageLayer))
    if stages:
        return Discretization(ops.convert_to_numpy(inputs["phi_0"]), stages)
    if not isinstance(model, LevelSetNetwork):
        raise ValueError(f"model must be a LevelSetNetwork, which solves an equation. Received {type(model).__name__}.")
    grids = keras.Model(model.inputs, {"equations": model.equations})  # Keras would unpack a list of one
    equations = grids({name: ops.convert_to_tensor(value) for name, value in inputs.items()})["equations"]
    stages = []
    for evolution, equation in zip(model.evolutions, equations, strict=True):
        stages += _stages(evolution, equation["fields"], equation["spacing"])
    return Discretization(ops.convert_to_numpy(equations[0]["phi"]), tuple(stages))


def _stages(evolution: LevelSetEvolution, fields, spacing) -> list[Stage]:
    """Returns one stage where all steps share their coefficients, otherwise one for each step."""
    count, stages = len(evolution.euler_steps), []
    for n, step in enumerate(evolution.euler_steps):
        own = {name: ops.split(field, count, axis=-1)[n] for name, field in fields.items()}
        stages.append(
            Stage(
                fields={name: ops.convert_to_numpy(field) for name, field in own.items()},
                spacing_mm=ops.convert_to_numpy(spacing),
                time_step=ops.convert_to_numpy(evolution.stable_time_step(step, own, spacing)).reshape(-1),
                steps=evolution.steps_in_use // count,
                step={**evolution.step, "dtype": evolution.compute_dtype},
                kernels=_learned_kernels(step),
            )
        )
    return stages


def from_solver(discretization: Discretization, trainable: bool = False) -> keras.Model:
    """Returns the network that solves a discretised equation: {"phi_0"} -> phi, its coefficients as weights.

    Args:
        discretization: the equation, for a batch of images; the network is for batches of that size and in
            that order, so fit it with shuffle=False.
        trainable: whether coefficients and stencils can be learned.
    """
    start = keras.Input(batch_shape=discretization.phi.shape, dtype=discretization.phi.dtype, name="phi_0")
    phi = start
    for n, stage in enumerate(discretization.stages):
        grid = _grid(stage)
        if grid and tuple(phi.shape[1:-1]) != grid:
            phi = Refine(name=f"refine_{n}", dtype=stage.step.get("dtype"))(phi)
        phi = StageLayer(stage, trainable=trainable, name=f"stage_{n}")(phi)
    return keras.Model({"phi_0": start}, phi, name="solver")


class StageLayer(keras.layers.Layer):
    """The steps of one `Stage`, its coefficients as weights.

    Args:
        stage: the equation on one grid.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.

    Returns:
        phi after the steps, shaped like phi, mm.
    """

    def __init__(self, stage: Stage, **kwargs):
        super().__init__(dtype=stage.step.get("dtype"), **kwargs)
        self.stage, self.step = stage, stage.make_step()
        self.step.trainable = self.trainable
        self.fields = {name: self._weight(name, field) for name, field in stage.fields.items()}

    def _weight(self, name, field):
        initializer = keras.initializers.Constant(field)
        constraint = keras.constraints.NonNeg() if name == "curvature_weight" else None
        return self.add_weight(
            name=name, shape=field.shape, initializer=initializer, constraint=constraint, trainable=self.trainable
        )

    def as_stage(self) -> Stage:
        """Returns the stage with what its coefficients and stencils are now."""
        fields = {name: ops.convert_to_numpy(field) for name, field in self.fields.items()}
        return dataclasses.replace(self.stage, fields=fields, kernels=_learned_kernels(self.step))

    def call(self, phi):
        spacing = ops.convert_to_tensor(self.stage.spacing_mm, self.compute_dtype)
        dt = per_image(ops.convert_to_tensor(self.stage.time_step, self.compute_dtype), spacing.shape[1])
        for _ in range(self.stage.steps):
            phi = self.step(phi, dict(self.fields), spacing, dt)
        return phi

    def compute_output_shape(self, phi_shape):
        return phi_shape


def _learned_kernels(step: LevelSetStep) -> dict[str, np.ndarray]:
    """Returns the kernels of a step's stencil layers, none if they are those of the catalogue."""
    if step.learning == "frozen":
        return {}
    return {name: ops.convert_to_numpy(layer.kernel) for name, layer in stencil_layers(step).items()}


def _grid(stage: Stage) -> tuple[int, ...] | None:
    """Returns the size of the images of a stage, None if all its fields are the same everywhere."""
    sizes = {field.shape[1:-1] for field in stage.fields.values()} - {(1,) * stage.spacing_mm.shape[1]}
    return next(iter(sizes)) if sizes else None


def _on_grid(phi, grid):
    return phi if grid is None or tuple(phi.shape[1:-1]) == grid else Refine(dtype=phi.dtype)(phi)
