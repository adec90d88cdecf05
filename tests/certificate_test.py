"""What a certificate says is true, and what is not true it does not say."""

import json

import numpy as np
import pytest
from keras import ops

from lsn_tf.certificate import attack, certify, check_certificate, on_images, stencil_rows, term_findings
from lsn_tf.layers import LevelSetStep
from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solver.translation import Discretization, Stage, to_solver

WINDOW = (-100.0, 400.0)
TERMS = ("speed", "velocity", "curvature_weight")


def network(rng, width=4, change=0.3, **arguments):
    model = LevelSetNetwork(WINDOW, **{"width": width, "scales": 1, "steps": 3, "balloon": 0.5} | arguments)
    for weight in model.trainable_variables:
        weight.assign(weight + change * rng.normal(size=weight.shape))
        if weight.constraint:
            weight.assign(weight.constraint(weight))
    return model


def images(rng, batch=2):
    image = (300 * rng.normal(size=(batch, 16, 20, 1))).astype(np.float32)
    return {"image": image, "spacing": rng.uniform(0.7, 1.5, (batch, 2)).astype(np.float32)}


def equation(phi, spacing, steps=1, time_step=1.0, step=None, **fields):
    fields = {name: np.float32(field).reshape(1, *np.shape(field)[:2] or (1, 1), -1) for name, field in fields.items()}
    stage = Stage(fields, np.float32([spacing]), np.float32([time_step]), steps, {"dtype": "float32", **(step or {})})
    return Discretization(np.float32(phi)[None, ..., None], (stage,))


def built(**arguments):
    step = LevelSetStep(**arguments)
    step.build((None, None, None, 1))
    return step


@pytest.mark.parametrize("curvature", ["monotone", "diffusion"])
def test_a_monotone_network_is_certified_and_withstands_the_attack(curvature, rng):
    model = network(rng, curvature=curvature, transport=True)
    certificate = certify(model, images(rng))
    assert certificate["certified"] and certificate["reason"] == "every term is monotone"
    assert set(certificate["terms"]) == {"propagation", "transport", "curvature"}
    assert all(certificate["maximum_norm"][name] for name in ("non_expansive", "maximum_principle", "keeps_order"))
    found = certificate["on_images"]["attack"]
    assert not found["falsified"]
    assert 0.1 < found["largest_ratio"] <= 1 + found["rounding"] and found["trials"] == 12


def test_a_network_with_central_curvature_is_not_certified_and_it_is_said_why(rng):
    certificate = certify(network(rng))
    assert not certificate["certified"]
    assert certificate["reason"].startswith("curvature: central differences give some neighbours negative weight")
    assert certificate["terms"]["propagation"]["monotone"] and not certificate["terms"]["curvature"]["monotone"]
    assert not any(certificate["maximum_norm"][name] for name in ("non_expansive", "maximum_principle", "keeps_order"))


def test_the_attack_finds_that_central_curvature_is_not_monotone(rng):
    """On a saddle whose gradient is along the diagonal the mixed difference weighs corners negatively."""
    y, x = np.meshgrid(np.arange(16.0), np.arange(16.0), indexing="ij")
    for kind, falsified in (("central", True), ("monotone", False)):
        diagonal = equation(x + y, (1.0, 1.0), time_step=0.4, step={"curvature": kind}, curvature_weight=1.0)
        assert attack(diagonal, trials=6, seed=0)["falsified"] == falsified


def test_the_attack_finds_steps_that_are_too_long(rng):
    phi = ball((16, 20), (1.0, 1.0), (7.0, 9.0), 4.0)
    for time_step, falsified in ((0.7, False), (2.0, True)):
        found = attack(equation(phi, (1.0, 1.0), 3, time_step, speed=1.0), trials=6, seed=0)
        assert found["falsified"] == falsified
        assert (found["largest_ratio"] > 1.01) == falsified == (found["deepest_violation_of_order"] > 0.01)


@pytest.mark.parametrize("stencil", ["second_yy", "second_xx"])
def test_diffusion_is_monotone_as_long_as_no_neighbour_has_negative_weight(stencil):
    step = built(curvature="diffusion", learning="free")
    layer = step.bending.derivatives
    assert term_findings(step, TERMS)["curvature"]["monotone"]
    for change, monotone in ((0.1, True), (-0.1, False)):  # of a corner, which has weight 0
        kernel = np.zeros(layer.kernel.shape)
        kernel[0, 0, 0, layer.stencils.index(stencil)], kernel[1, 1, 0, layer.stencils.index(stencil)] = change, -change
        before = np.array(ops.convert_to_numpy(layer.kernel))
        layer.kernel.assign(before + kernel)
        finding = term_findings(step, TERMS)["curvature"]
        assert finding["monotone"] == monotone
        assert monotone or f"{stencil} has learned coefficients of the wrong sign" in finding["reason"]
        layer.kernel.assign(before)


def test_a_network_with_diffusion_is_consistent_and_monotone_at_once(rng):
    certificate = certify(network(rng, curvature="diffusion"))
    assert certificate["certified"]
    assert all(row["order"] >= row["order_stated"] >= 1 for row in certificate["stencils"])


def test_consistent_stencils_keep_their_order_whatever_they_learn(rng):
    rows = certify(network(rng, learning="consistent"))["stencils"]
    assert {row["stencil"] for row in rows} >= {"backward_x", "central_y", "second_xx", "mixed_xy"}
    assert all(row["moment_defect"] < 1e-5 and row["order"] >= row["order_stated"] for row in rows)
    assert any(np.abs(np.array(row["coefficients"]) - exact(row["stencil"])).max() > 0.01 for row in rows)


def exact(name):
    return np.array({row["stencil"]: row["coefficients"] for row in stencil_rows(built())}[name])


def test_free_stencils_are_found_inconsistent(rng):
    rows = certify(network(rng, learning="free"))["stencils"]
    assert all(row["moment_defect"] > 1e-3 and row["order"] == 0 for row in rows)


@pytest.mark.parametrize(("change", "monotone"), [(0.0, True), (-0.1, True), (0.1, False)])
def test_a_free_stencil_is_monotone_if_its_signs_are_right(change, monotone):
    """The backward difference also looks at the pixel ahead, with this coefficient, and still gives zero for one."""
    step = built(learning="free")
    kernel = np.array(ops.convert_to_numpy(step.one_sided.kernel))
    n = step.one_sided.stencils.index("backward_x")
    kernel[1, 2, 0, n] += change
    kernel[1, 1, 0, n] -= change
    step.one_sided.kernel.assign(kernel)
    finding = term_findings(step, ("speed",))["propagation"]
    assert finding["monotone"] == monotone
    assert monotone or "backward_x has learned coefficients of the wrong sign" in finding["reason"]


def test_a_stencil_whose_sum_is_not_zero_is_not_monotone():
    step = built(learning="free")
    kernel = np.array(ops.convert_to_numpy(step.one_sided.kernel))
    kernel[1, 1, 0, 3] -= 0.1
    step.one_sided.kernel.assign(kernel)
    assert not term_findings(step, ("velocity",))["transport"]["monotone"]


@pytest.mark.parametrize(
    ("arguments", "monotone", "reason"),
    [
        ({}, (True, True, False), "central differences"),
        ({"curvature": "monotone"}, (True, True, True), None),
        ({"curvature": "monotone", "scheme": "osher_sethian", "integrator": "tvd_rk3"}, (True, True, True), None),
        ({"curvature": "monotone", "boundary": "periodic"}, (True, True, True), None),
        ({"curvature": "diffusion"}, (True, True, True), None),
        ({"curvature": "diffusion", "boundary": "extrapolate"}, (False, False, False), "linear extrapolation"),
        ({"curvature": "monotone", "differences": "eno2"}, (False, False, True), "eno2 differences are of higher"),
        ({"curvature": "monotone", "differences": "weno5"}, (False, False, True), "weno5 differences are of higher"),
        ({"curvature": "monotone", "boundary": "extrapolate"}, (False, False, False), "linear extrapolation"),
    ],
)
def test_the_findings_of_a_step_are_those_of_the_theory(arguments, monotone, reason):
    findings = term_findings(built(**arguments), TERMS)
    assert tuple(findings[name]["monotone"] for name in ("propagation", "transport", "curvature")) == monotone
    reasons = [finding["reason"] for finding in findings.values() if not finding["monotone"]]
    assert all(text.startswith(reason) for text in reasons)


def test_only_the_terms_that_an_equation_has_are_judged():
    assert set(term_findings(built(), ("speed",))) == {"propagation"}


def test_the_cfl_number_reached_is_at_most_the_bound(rng):
    for cfl in (0.3, 0.9):
        certificate = certify(network(rng, cfl=cfl, time_step=100.0), images(rng))
        assert certificate["cfl"]["bound"] == cfl
        (stage,) = certificate["on_images"]["stages"]
        assert stage["cfl_reached"] == pytest.approx(cfl, abs=1e-4)
    short = certify(network(rng, time_step=0.01), images(rng))["on_images"]["stages"][0]
    assert 0 < short["cfl_reached"] < 0.9 and stage["steps"] == 3


def test_no_front_of_a_distance_goes_further_than_that_of_the_equation(rng):
    """A disc that expands at 1 mm/s goes exactly as far; where the speed varies no point gets further."""
    shape, spacing = (30, 32), (0.7, 0.9)
    phi = ball(shape, spacing, (10.15, 13.95), 3.0)
    even = equation(phi, spacing, 10, 0.4, speed=1.0)
    uneven = equation(phi, spacing, 10, 0.4, speed=rng.uniform(-1, 1, shape), velocity=rng.uniform(-1, 1, (*shape, 2)))
    bounds = [on_images(problem, 1, 0)["front_motion_of_the_equation_mm"] for problem in (even, uneven)]
    assert bounds[0] == pytest.approx(4.0, abs=1e-3)
    for problem, bound in zip((even, uneven), bounds, strict=True):
        region = inside(problem.solve()[0, ..., 0])
        assert phi[region].max() <= bound
        assert phi[~region].min() >= -bound
    assert phi[inside(even.solve()[0, ..., 0])].max() > 3.0


def test_no_front_goes_further_than_the_domain_of_dependence_whatever_phi(rng):
    """On a plateau the computed front outruns that of the equation: one pixel a step, whatever dt."""
    phi = np.where(np.indices((12, 40))[1] < 2, -1000.0, 0.001)
    plateau = equation(phi, (1.0, 1.0), 5, 0.6, speed=1.0)
    found = on_images(plateau, 1, 0)
    way = inside(plateau.solve()[0, ..., 0]).sum(axis=1).max() - 2
    assert found["front_motion_of_the_equation_mm"] == 3 < way == 5 <= found["front_motion_bound_mm"]
    assert not found["attack"]["falsified"]


def test_a_ring_of_fixed_radius_is_said_to_be_inconsistent(rng):
    rows = certify(network(rng, curvature="monotone"))["stencils"]
    assert {row["order"] for row in rows if row["stencil"] == "median over a ring"} == {0}


def test_a_negative_weight_of_curvature_cannot_be_had(rng):
    model = network(rng, curvature="monotone")
    for weight in model.weights:
        if weight.path.endswith("smoothing"):
            weight.assign(-1.0)
    fields = to_solver(model, images(rng)).stages[0].fields
    assert fields["curvature_weight"].min() == 0 == fields["curvature_weight"].max()


def test_a_model_that_solves_no_equation_is_not_certified(rng):
    certificate = certify(UNet(WINDOW, (4, 4)), images(rng))
    assert not certificate["certified"]
    assert certificate["reason"] == "UNet: it solves no level set equation, so nothing is known of its stability"


@pytest.mark.parametrize("make", [lambda rng: network(rng, learning="consistent"), lambda _: UNet(WINDOW, (4, 4))])
def test_a_certificate_is_plain_json_and_is_accepted_for_its_model_alone(make, rng):
    model = make(rng)
    certificate = json.loads(json.dumps(certify(model, images(rng)), allow_nan=False))
    check_certificate(certificate, model)
    for weight in (model.trainable_variables[0], model.trainable_variables[-1]):
        before = ops.convert_to_numpy(weight)
        changed = before.copy()
        changed.flat[0] += 1e-3
        weight.assign(changed)
        with pytest.raises(ValueError, match=f"must be that of the model, {model.name}. They differ in model_sha256"):
            check_certificate(certificate, model)
        weight.assign(before)
    check_certificate(certificate, model)


def test_a_certificate_that_says_more_than_is_true_is_refused(rng):
    model = network(rng)
    for name in ("certified", "terms", "maximum_norm", "stencils"):
        with pytest.raises(ValueError, match=f"They differ in {name}"):
            check_certificate({**certify(model), name: True}, model)
    with pytest.raises(ValueError, match="They differ in certified, cfl"):
        check_certificate({}, model)


def test_every_grid_and_image_counts(rng):
    model = network(rng, scales=2)
    found = on_images(to_solver(model, images(rng, batch=3)), trials=1, seed=0)
    assert found["images"] == 3 and [stage["steps"] for stage in found["stages"]] == [3, 3]
    assert found["stages"][0]["pixel_mm"] == pytest.approx([2 * h for h in found["stages"][1]["pixel_mm"]], abs=2e-4)
