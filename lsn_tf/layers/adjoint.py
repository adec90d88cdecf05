"""The adjoint of Euler steps of the level set equation, by hand: what backpropagation through a solver is.

Automatic differentiation gives the same derivatives; written down as differences of fluxes between pixels they are a
few passes over the image that XLA fuses, and only phi of every step has to be kept.
"""

from collections.abc import Mapping

from lsn_tf.layers.boundary import gain_of_differences, per_image


def has_adjoint(step) -> bool:
    """Whether `pullback` knows a `LevelSetStep`: forward Euler with frozen first-order stencils."""
    return (
        step.learning == "frozen"
        and step.differences == "first_order"
        and step.integrator == "euler"
        and step.curvature in ("central", "diffusion")
        and step.boundary == "replicate"
    )


def pullback(step, phi, fields: Mapping, spacing, time_step, cotangent):
    """Returns the derivatives of sum(cotangent * step(phi, fields, spacing, time_step)).

    Args:
        step: a built `LevelSetStep` that `has_adjoint`.
        phi, fields, spacing, time_step: what it is called with.
        cotangent: shaped like phi.

    Returns:
        The derivatives with respect to phi, shaped like it, and to the fields, a dict shaped like them.

    Reference: Giles & Pierce (2000), doi:10.1023/A:1011430410075 (discrete adjoints).
    """
    of_fields, of_differences = pull_to_differences(step, phi, fields, spacing, time_step, cotangent)
    return cotangent + pull_to_phi(of_differences, spacing), of_fields


def pull_to_differences(step, phi, fields: Mapping, spacing, time_step, cotangent):
    """Returns the derivatives of `pullback` by the fields, and by the differences of phi.

    The latter are (list, dict): those by (D-, D+) of each axis and those by the mixed difference of pairs of axes.
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
    """Returns the derivatives by phi, through its differences, from those of `pull_to_differences`."""
    of_one_sided, of_mixed = of_differences
    ndim, terms = spacing.shape[1], []
    for (a, b), of_pair in of_mixed.items():
        along_b = gain_of_differences(of_pair, of_pair, 1 + b) / per_image(2 * spacing[:, b], ndim)
        terms.append(gain_of_differences(along_b, along_b, 1 + a) / per_image(2 * spacing[:, a], ndim))
    for axis, (backward, forward) in enumerate(zip(of_one_sided[::2], of_one_sided[1::2], strict=True)):
        terms.append(gain_of_differences(backward, forward, 1 + axis) / per_image(spacing[:, axis], ndim))
    return sum(terms[1:], start=terms[0])
