"""The adjoint of Euler steps of the level set equation, by hand: what backpropagation through a solver is.

Automatic differentiation gives the same derivatives; written down as differences of fluxes between pixels they are a
few passes over the image that XLA fuses, and only phi of every step has to be kept.

Reference: Giles & Pierce (2000), doi:10.1023/A:1011430410075 (discrete adjoints).
"""

from collections.abc import Mapping

from keras import ops

from lsn_tf.layers.boundary import along, per_image


def has_adjoint(step) -> bool:
    """Whether the adjoint of a `LevelSetStep` is known: forward Euler with frozen first-order stencils."""
    return (
        step.learning == "frozen"
        and step.differences == "first_order"
        and step.integrator == "euler"
        and step.curvature in ("central", "diffusion")
        and step.boundary == "replicate"
    )


def pull_to_differences(step, phi, fields: Mapping, spacing, time_step, cotangent):
    """Returns derivatives of sum(cotangent * step(phi, fields, spacing, time_step)).

    Args:
        step: a built `LevelSetStep` that `has_adjoint`.
        phi, fields, spacing, time_step: what it is called with.
        cotangent: shaped like phi. It is also the derivative by phi at the pixel itself, differences apart.

    Returns:
        Those by the fields, a dict shaped like them, and those by the differences of phi: the flat list of D-y, D+y,
        D-x, D+x, in space with D-z, D+z before it, and the dict {(a, b): by the mixed derivative}, of image axes a < b.
    """
    padded = step.padded(phi)
    of_rate, of_fields, of_one_sided, of_mixed = -time_step * cotangent, {}, [], {}
    if "speed" in fields or "velocity" in fields:
        differences = step.one_sided.of_padded(padded, spacing, step.halo)
    if "speed" in fields:
        of_fields["speed"], pulls = step.propagation.pullback(differences, fields["speed"], of_rate)
        of_one_sided.append(pulls)
    if "velocity" in fields:
        of_fields["velocity"], pulls = step.transport.pullback(differences, fields["velocity"], of_rate)
        of_one_sided.append(pulls)
    if "curvature_weight" in fields:
        weighted = -of_rate * fields["curvature_weight"]
        bending, pulls, of_mixed = step.bending.pullback(padded, spacing, weighted, step.halo)
        of_fields["curvature_weight"] = -of_rate * bending
        of_one_sided.append(pulls)
    return of_fields, ([sum(pulls[1:], start=pulls[0]) for pulls in zip(*of_one_sided, strict=True)], of_mixed)


def pull_to_phi(of_differences, spacing):
    """Returns the derivatives by phi, through its differences, from those by the differences."""
    of_one_sided, of_mixed = of_differences
    ndim, terms = spacing.shape[1], []
    for (a, b), of_pair in of_mixed.items():
        along_b = _transposed_differences(of_pair, of_pair, 1 + b) / per_image(2 * spacing[:, b], ndim)
        terms.append(_transposed_differences(along_b, along_b, 1 + a) / per_image(2 * spacing[:, a], ndim))
    for axis, (backward, forward) in enumerate(zip(of_one_sided[::2], of_one_sided[1::2], strict=True)):
        terms.append(_transposed_differences(backward, forward, 1 + axis) / per_image(spacing[:, axis], ndim))
    return sum(terms[1:], start=terms[0])


def _transposed_differences(backward, forward, axis):
    """Returns the derivative by phi of sum(backward * D- phi + forward * D+ phi), of pixels of size one.

    D- and D+ are phi on one side of a border between pixels less phi on the other, so this is what flows into each
    pixel less what flows out, and nothing through the frame.
    """
    return _inflow(along(backward, axis, 1, None), axis) + _inflow(along(forward, axis, 0, -1), axis)


def _inflow(flux, axis):
    """Returns flux[i - 1/2] - flux[i + 1/2]. XLA fuses two such terms better than one of their sum."""
    shape = [1 if n == axis else length for n, length in enumerate(ops.shape(flux))]
    none = ops.zeros(shape, flux.dtype)
    return ops.concatenate([none, flux], axis) - ops.concatenate([flux, none], axis)
