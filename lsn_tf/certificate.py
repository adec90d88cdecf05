"""The certificate of a model: what numerical analysis can say of it, and what it cannot, in words and numbers.

What depends on the weights alone is proven from them: consistency and monotonicity of every stencil. What depends on
an image is computed for that image: the CFL number reached and how far the front can go. The maximum norm is attacked
with pairs of level set functions, a search for a counterexample, which is no proof.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from lsn_tf.layers import LevelSetStep, MonotoneCurvature, StencilConv
from lsn_tf.layers.level_set_step import INTEGRATORS
from lsn_tf.models import LevelSetNetwork
from lsn_tf.numerics.consistency import moment_conditions, order_of_accuracy
from lsn_tf.numerics.stencils import get_stencil
from lsn_tf.solver.translation import Discretization, Stage, stencil_layers, to_solver

ROUNDING = 1e-5  # float32: relative, of moments and of maximum norms


def certify(model: keras.Model, inputs: Mapping[str, Any] | None = None, trials: int = 12, seed: int = 0) -> dict:
    """Returns the certificate of a model, as plain JSON.

    Args:
        model: any model. Only a level set model can be certified; of others it is said why not.
        inputs: images, for what depends on them; None leaves it out.
        trials: pairs of level set functions with which non-expansiveness is attacked.
        seed: of these pairs.
    """
    if not isinstance(model, LevelSetNetwork):
        reason = "it solves no level set equation, so nothing is known of its stability"
        return {**identity(model), "certified": False, "reason": f"{type(model).__name__}: {reason}"}
    certificate = {**identity(model), **of_weights(model)}
    if inputs is not None:
        certificate["on_images"] = on_images(to_solver(model, inputs), trials, seed)
    return certificate


def identity(model: keras.Model) -> dict[str, str]:
    """Returns the model's name and a hash of its configuration and weights: what is said holds for these alone."""
    digest = hashlib.sha256(json.dumps(model.get_config(), sort_keys=True, default=str).encode())
    for weight in model.weights:
        digest.update(np.ascontiguousarray(ops.convert_to_numpy(weight)).tobytes())
    return {"model": model.name, "model_sha256": digest.hexdigest()}


def of_weights(model: LevelSetNetwork) -> dict[str, Any]:
    """Returns the part of the certificate that the weights alone decide: stencils, terms, maximum norm."""
    stencils, terms = [], {}
    for evolution in model.evolutions:
        for step in evolution.euler_steps:
            where = f"{evolution.name}/{step.name}"
            stencils += [{"where": where, **row} for row in stencil_rows(step)]
            for term, finding in term_findings(step, model.terms).items():
                if term not in terms or terms[term]["monotone"] and not finding["monotone"]:
                    terms[term] = {**finding, "where": where}
    certified = all(finding["monotone"] for finding in terms.values())
    return {
        "certified": certified,
        "reason": "every term is monotone" if certified else "; ".join(
            f"{term}: {finding['reason']}" for term, finding in terms.items() if not finding["monotone"]
        ),
        "cfl": {"bound": max(evolution.cfl for evolution in model.evolutions), "enforced": "for every image, by dt"},
        "terms": terms,
        "maximum_norm": {
            "non_expansive": certified,
            "maximum_principle": certified,
            "keeps_order": certified,
            "in": "phi_0, for every image and every pair of initial level set functions; not in the image",
        },
        "stencils": stencils,
    }  # fmt: skip


def stencil_rows(step: LevelSetStep) -> list[dict[str, Any]]:
    """Returns for each stencil of a built step its derivative, its order and by how much its moments are missed."""
    rows = [_ring_row(step.bending)] if isinstance(step.bending, MonotoneCurvature) else []
    for layer in stencil_layers(step).values():
        kernel = np.asarray(ops.convert_to_numpy(layer.kernel), np.float64)
        for n, name in enumerate(layer.stencils):
            stencil, coefficients = get_stencil(name, kernel.ndim - 2), kernel[..., 0, n]
            conditions, target = moment_conditions(stencil)
            rows.append(
                {
                    "stencil": name,
                    "derivative": list(stencil.derivative),
                    "order_stated": stencil.order,
                    "order": order_of_accuracy(coefficients, stencil.derivative, ROUNDING),
                    "moment_defect": float(np.abs(conditions @ coefficients.ravel() - target).max()),
                    "coefficients": np.round(coefficients, 7).tolist(),
                }
            )
    return rows


def _ring_row(curvature: MonotoneCurvature) -> dict[str, Any]:
    """Returns what is known of the median over a ring: monotone, and for a fixed radius not consistent."""
    return {
        "stencil": "median over a ring",
        "derivative": "kappa |grad phi|",
        "radius": curvature.radius,
        "directions": 8 * curvature.radius,
        "order": 0,
        "error": "O(1 / radius**2), or O(1 / radius) where |grad phi| varies; does not vanish with the pixel size",
    }


def term_findings(step: LevelSetStep, terms: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Returns for each term of the equation whether a built step treats it monotonically, and why."""
    upwind, bending = _upwind_finding(step), _curvature_finding(step)
    findings = {"speed": upwind, "velocity": upwind, "curvature_weight": bending}
    names = {"speed": "propagation", "velocity": "transport", "curvature_weight": "curvature"}
    return {names[term]: findings[term] for term in terms}


def _upwind_finding(step: LevelSetStep) -> dict[str, Any]:
    if step.boundary == "extrapolate":
        return _no("linear extrapolation beyond the frame has negative coefficients")
    if step.differences != "first_order":
        return _no(f"{step.differences} differences are of higher order, which no monotone scheme is")
    if wrong := _not_monotone(step.one_sided):
        return _no(f"{wrong[0]} has learned coefficients of the wrong sign, or that do not sum to zero")
    return {"monotone": True, "reason": f"first-order upwind differences ({step.scheme}), dt by the CFL condition"}


def _not_monotone(layer: StencilConv) -> list[str]:
    """Returns the stencils that, or whose negative for a backward difference, do not grow with every neighbour, or that
    do not give zero for a constant."""
    kernel, wrong = np.asarray(ops.convert_to_numpy(layer.kernel), np.float64), []
    for n, name in enumerate(layer.stencils):
        coefficients = kernel[..., 0, n]
        neighbours = np.delete(coefficients.ravel(), coefficients.size // 2)
        side = -1 if name.startswith("backward") else 1
        if (side * neighbours < -ROUNDING).any() or abs(coefficients.sum()) > ROUNDING:
            wrong.append(name)
    return wrong


def _curvature_finding(step: LevelSetStep) -> dict[str, Any]:
    if step.curvature == "central":
        return _no("central differences give some neighbours negative weight, of the mixed derivative among others")
    if step.boundary == "extrapolate":
        return _no("linear extrapolation beyond the frame has negative coefficients")
    if step.curvature == "monotone":
        return {"monotone": True, "reason": "a median over directions, dt by the CFL condition"}
    if wrong := _not_monotone(step.bending.derivatives):
        return _no(f"{wrong[0]} has learned coefficients of the wrong sign, or that do not sum to zero")
    what = "central second differences: the Laplacian of phi, kappa |grad phi| where phi is a signed distance"
    return {"monotone": True, "reason": f"{what}, dt by the CFL condition"}


def _no(reason: str) -> dict[str, Any]:
    return {"monotone": False, "reason": reason}


def on_images(discretization: Discretization, trials: int, seed: int) -> dict[str, Any]:
    """Returns the part that depends on the images: CFL numbers, reach of the front, and the attack."""
    return {
        "images": len(discretization.phi),
        "stages": [_stage_row(stage) for stage in discretization.stages],
        "front_motion_of_the_equation_mm": round(sum(_reach_mm(stage) for stage in discretization.stages), 3),
        "front_motion_of_the_equation_is": "sum of dt * steps * (max |V| + max |a|), without curvature; from a signed "
        "distance the computed front may be ahead by O(h) on each grid",
        "front_motion_bound_mm": round(sum(_dependence_mm(stage) for stage in discretization.stages), 3),
        "front_motion_bound_is": "domain of dependence: where no pixel within it has the other sign, a certified model "
        "keeps the sign, whatever phi_0",
        "attack": attack(discretization, trials, seed),
    }


def _stage_row(stage: Stage) -> dict[str, Any]:
    fields = {name: np.abs(field).reshape(len(field), -1).max(axis=1) for name, field in stage.fields.items()}
    return {
        "pixel_mm": [round(float(h), 4) for h in stage.spacing_mm[0]],
        "steps": stage.steps,
        "time_step_s": [round(float(dt), 5) for dt in stage.time_step],
        "cfl_reached": round(_cfl_reached(stage), 5),
        **{f"largest_{name}": round(float(values.max()), 5) for name, values in fields.items()},
    }


def _cfl_reached(stage: Stage) -> float:
    step, spacing = stage.make_step(), ops.convert_to_tensor(stage.spacing_mm, stage.step.get("dtype", "float32"))
    fields = {name: ops.convert_to_tensor(field, spacing.dtype) for name, field in stage.fields.items()}
    rate = ops.convert_to_numpy(step.courant_rate(fields, spacing))
    return float((rate.reshape(len(rate), -1).max(axis=1) * stage.time_step).max())


def _reach_mm(stage: Stage) -> float:
    speed = sum(
        np.sqrt((stage.fields[name] ** 2).sum(axis=-1)).reshape(len(stage.fields[name]), -1).max(axis=1)
        for name in ("speed", "velocity")
        if name in stage.fields
    )
    return float(np.max(speed * stage.time_step * stage.steps))


def _dependence_mm(stage: Stage) -> float:
    """Returns how far a pixel can look in all steps of a stage and the refinement before it, mm."""
    step = stage.make_step()
    pixels = stage.steps * len(INTEGRATORS[step.integrator]) * step.halo + 2
    return float(pixels * np.linalg.norm(stage.spacing_mm, axis=1).max())


def attack(discretization: Discretization, trials: int, seed: int) -> dict[str, Any]:
    """Tries to find two level set functions that a stage drives apart, or whose order it breaks.

    Every stage is attacked from the phi that it is given, by changes of at most a pixel size: random ones at all
    pixels, at a few pixels, and a checkerboard; half of them not negative, to test the order.

    Returns:
        The largest ratio of the maximum norms after and before, and the deepest violation of order as a share of the
        change, over all stages. A ratio above one plus rounding, or a violation beyond it, proves that the map is
        expansive or does not keep order.
    """
    rng = np.random.default_rng(seed)
    found = [_attack_stage(single, trials, rng) for single in discretization.singly()]
    return {
        "trials": trials,
        "seed": seed,
        "largest_ratio": max(stage["largest_ratio"] for stage in found),
        "deepest_violation_of_order": max(stage["deepest_violation_of_order"] for stage in found),
        "rounding": max(stage["rounding"] for stage in found),
        "falsified": any(stage["falsified"] for stage in found),
        "stages": found,
    }


def _attack_stage(single: Discretization, trials: int, rng: np.random.Generator) -> dict[str, Any]:
    pixel_mm = float(single.stages[0].spacing_mm.min())
    reference = single.solve()
    rounding = ROUNDING * max(1.0, float(np.abs(single.phi).max()) / pixel_mm)
    largest, deepest = 0.0, 0.0
    for trial in range(trials):
        change = _KINDS[trial % len(_KINDS)](rng, single.phi.shape) * pixel_mm
        change = np.maximum(change, 0) if trial % 2 else change
        phi = (single.phi + change).astype(single.phi.dtype)
        before, after = float(np.abs(phi - single.phi).max()), single.solve(phi) - reference
        largest = max(largest, float(np.abs(after).max()) / before)
        deepest = max(deepest, float(-after.min()) / before) if trial % 2 else deepest
    return {
        "largest_ratio": round(largest, 6),
        "deepest_violation_of_order": round(deepest, 6),
        "rounding": round(rounding, 7),
        "falsified": bool(largest > 1 + rounding or deepest > rounding),
    }


def _checkerboard(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (1.0 - 2.0 * (np.indices(shape).sum(axis=0) % 2)) * rng.uniform(0.5, 1.0)


_KINDS: tuple[Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], ...] = (
    lambda rng, shape: rng.uniform(-1, 1, shape),
    lambda rng, shape: rng.uniform(-1, 1, shape),
    lambda rng, shape: np.where(rng.random(shape) < 0.02, rng.choice([-1.0, 1.0], shape), 0.0) + 1e-3,
    lambda rng, shape: np.where(rng.random(shape) < 0.02, rng.choice([-1.0, 1.0], shape), 0.0) + 1e-3,
    _checkerboard,
    _checkerboard,
)


def check_certificate(certificate: Mapping[str, Any], model: keras.Model) -> None:
    """Proves again, from the weights, what a certificate says of a model.

    Raises:
        ValueError: if the model is another than the one that was certified.
    """
    again = certify(model)
    different = sorted(name for name in again if not _agree(again[name], certificate.get(name)))
    if different:
        raise ValueError(
            f"the certificate must be that of the model, {model.name}. They differ in {', '.join(different)}. "
            "Certify the model again with: python -m lsn_tf.export"
        )


def _agree(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal, numbers up to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_agree(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    if isinstance(one, float) and isinstance(other, (float, int)):
        return abs(one - other) <= ROUNDING
    return one == other
