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
    axes = image_axes(phi)
    jumps = [_jump(phi, axis, spacing) for axis in axes]
    differences = [side for axis, jump in zip(axes, jumps, strict=True) for side in _sides(jump, axis)]
    of_rate, of_fields = -time_step * cotangent, {}
    fluxes = [ops.zeros_like(jump) for jump in jumps]
    if "speed" in fields:
        steepness, slopes = step.propagation.linearized(differences, fields["speed"])
        of_fields["speed"] = of_rate * steepness
        fluxes = _added(fluxes, axes, [of_rate * fields["speed"] * slope for slope in slopes])
    if "velocity" in fields:
        derivatives, slopes = step.transport.linearized(differences, fields["velocity"])
        of_fields["velocity"] = of_rate * derivatives
        fluxes = _added(fluxes, axes, [of_rate * slope for slope in slopes])
    if "curvature_weight" in fields:
        laplacian = sum(_divergence(jump, axis, spacing) for axis, jump in zip(axes, jumps, strict=True))
        of_fields["curvature_weight"] = -of_rate * laplacian
        weighted = of_rate * fields["curvature_weight"]
        fluxes = [flux + _jump(weighted, axis, spacing) for flux, axis in zip(fluxes, axes, strict=True)]
    return cotangent - sum(_divergence(flux, axis, spacing) for flux, axis in zip(fluxes, axes, strict=True)), of_fields


def _added(fluxes, axes, pulls):
    """Returns the fluxes and the derivatives by both differences of each axis: between two pixels these are one."""
    return [
        flux + along(pulls[2 * n], axis, 1, None) + along(pulls[2 * n + 1], axis, 0, -1)
        for n, (flux, axis) in enumerate(zip(fluxes, axes, strict=True))
    ]


def _jump(x, axis, spacing):
    """Returns (x[i + 1] - x[i]) / h, one less along the axis."""
    return (along(x, axis, 1, None) - along(x, axis, 0, -1)) / _pixel(x, axis, spacing)


def _sides(jump, axis):
    """Returns the differences to the pixel before and to the one after, zero at the frame."""
    return _framed(jump, axis, 1, 0), _framed(jump, axis, 0, 1)


def _divergence(flux, axis, spacing):
    """Returns (flux[i + 1/2] - flux[i - 1/2]) / h, without flux through the frame."""
    return (_framed(flux, axis, 0, 1) - _framed(flux, axis, 1, 0)) / _pixel(flux, axis, spacing)


def _pixel(x, axis, spacing):
    return per_image(spacing[:, axis - 1], len(image_axes(x)))


def _framed(x, axis, before, after):
    return ops.pad(x, [(before, after) if n == axis else (0, 0) for n in range(len(x.shape))])
