"""The adjoint of Euler steps of the level set equation, by hand: what backpropagation through a solver is.

Automatic differentiation gives the same derivatives; written down as differences of fluxes between pixels they are a
few passes over the image that XLA fuses, and only phi of every step has to be kept.
"""

from collections.abc import Mapping

from keras import ops

from lsn_tf.layers.boundary import along, image_axes, per_image


def has_adjoint(step) -> bool:
    """Whether `pullback` knows a `LevelSetStep`: forward Euler with frozen stencils, all terms monotone."""
    return (
        step.learning == "frozen"
        and step.differences == "first_order"
        and step.integrator == "euler"
        and step.curvature == "diffusion"
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
    axes, padded = image_axes(phi), step.padded(phi)
    differences = step.one_sided.of_padded(padded, spacing, step.halo)
    of_rate, of_fields, of_differences = -time_step * cotangent, {}, []
    if "speed" in fields:
        of_fields["speed"], pulls = step.propagation.pullback(differences, fields["speed"], of_rate)
        of_differences.append(pulls)
    if "velocity" in fields:
        of_fields["velocity"], pulls = step.transport.pullback(differences, fields["velocity"], of_rate)
        of_differences.append(pulls)
    totals = [sum(pulls[1:], start=pulls[0]) for pulls in zip(*of_differences, strict=True)]
    of_phi = cotangent
    for axis, backward, forward in zip(axes, totals[::2], totals[1::2], strict=bool(totals)):
        gain = _gain(along(backward, axis, 1, None), axis) + _gain(along(forward, axis, 0, -1), axis)
        of_phi = of_phi + gain * per_image(1.0 / spacing[:, axis - 1], len(axes))
    if "curvature_weight" in fields:
        of_fields["curvature_weight"] = -of_rate * step.bending.of_padded(padded, spacing, step.halo)
        of_phi = of_phi - step.bending(of_rate * fields["curvature_weight"], spacing)  # the Laplacian is symmetric
    return of_phi, of_fields


def _gain(flux, axis):
    """Returns flux[i - 1/2] - flux[i + 1/2], without flux through the frame.

    A difference times the pixel size is phi on one side of a border between pixels less phi on the other, so its
    derivative is a flux. XLA fuses two such terms better than one of their sum.
    """
    shape = [1 if n == axis else length for n, length in enumerate(ops.shape(flux))]
    none = ops.zeros(shape, flux.dtype)
    return ops.concatenate([none, flux], axis) - ops.concatenate([flux, none], axis)
