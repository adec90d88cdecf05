"""What lies beyond the frame of an image: the boundary conditions of the level set equation, as padding."""

from collections.abc import Sequence

from keras import ops

BOUNDARIES = ("replicate", "periodic", "extrapolate")


def along(x, axis: int, start, stop):
    """Returns the slice [start:stop] of x along one axis."""
    return x[(slice(None),) * axis + (slice(start, stop),)]


def image_axes(x) -> range:
    """Returns the axes of x, (batch, [depth,] height, width, channel), that are neither batch nor channel."""
    return range(1, len(x.shape) - 1)


def pad(x, radius: int = 1, boundary: str = "replicate", axes: Sequence[int] | None = None):
    """Adds `radius` pixels on each side of a (batch, [depth,] height, width, channel) tensor.

    Args:
        x: the tensor.
        radius: how many pixels.
        boundary: "replicate" repeats the outermost pixel, the homogeneous Neumann condition: contours meet the frame
            at right angles, and a monotone scheme remains monotone. "periodic" continues at the other side.
            "extrapolate" goes on linearly, as a signed distance does, but is not monotone.
        axes: which axes; by default all but batch and channel.
    """
    for axis in image_axes(x) if axes is None else axes:
        x = ops.concatenate([*_before(x, axis, radius, boundary), x, *_after(x, axis, radius, boundary)], axis=axis)
    return x


def _before(x, axis, radius, boundary):
    first = along(x, axis, 0, 1)
    if boundary == "periodic":
        return [along(_repeated(x, axis, radius), axis, -radius, None)]
    if boundary == "extrapolate":
        slope = first - along(along(x, axis, 0, 2), axis, -1, None)  # zero for a single pixel
        return [first + n * slope for n in range(radius, 0, -1)]
    return [first] * radius


def _after(x, axis, radius, boundary):
    last = along(x, axis, -1, None)
    if boundary == "periodic":
        return [along(_repeated(x, axis, radius), axis, 0, radius)]
    if boundary == "extrapolate":
        slope = last - along(along(x, axis, -2, None), axis, 0, 1)
        return [last + n * slope for n in range(1, radius + 1)]
    return [last] * radius


def _repeated(x, axis, radius):
    """Returns x, or as many periods of it as hold `radius` pixels along this axis."""
    size = x.shape[axis] or radius  # None: not known yet
    return ops.concatenate([x] * -(-radius // size), axis=axis) if size < radius else x


def shifted(padded, halo: int, offset: Sequence[int]):
    """Returns phi[i + offset] for all pixels i of phi, of which `padded` has `halo` more on each side."""
    for axis, shift in zip(image_axes(padded), offset, strict=True):
        padded = along(padded, axis, halo + shift, shift - halo or None)
    return padded


def per_image(x, ndim: int):
    """Gives a tensor of (batch,) the shape (batch, 1, ..., 1) of an image with `ndim` axes and a channel."""
    return ops.reshape(x, (-1,) + (1,) * (ndim + 1))


def check_boundary(boundary: str) -> str:
    """Returns the boundary condition. Raises ValueError for one that is not known."""
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary must be one of {BOUNDARIES}. Received {boundary!r}.")
    return boundary
