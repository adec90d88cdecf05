"""Draws a moving contour over its CT scan, as a GIF or an MP4: the last stage of the classical solver."""

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lsn_tf.artifacts import replaced
from lsn_tf.numerics.level_sets import inside

LONG_SIDE_PX = 512  # at least, of the largest plane; its own resolution if that is finer
GAP_PX = 8  # between planes
CAPTION_PX = 32
FRAMES_PER_SECOND = 12
LAST_FRAME_S = 1.5  # a GIF starts again after it
COLOUR = (253, 231, 37)  # of the contour, RGB
FRONT = {"linewidths": 2.0}  # pixels
START = {"linewidths": 1.0, "linestyles": "dashed", "alpha": 0.5}
_DPI = 72  # a point of matplotlib is a pixel
_INSTALL = "Expected matplotlib and imageio, which draw and write an animation: pip install 'lsn_tf[solver]'."


@dataclasses.dataclass(frozen=True, eq=False)
class Plane:
    """One cut through the scan and the moving contour.

    Attributes:
        image: (height, width), HU.
        phis: (frames, height, width), mm.
        spacing_mm: (dy, dx).
    """

    image: np.ndarray
    phis: np.ndarray
    spacing_mm: tuple[float, float]

    @property
    def size_mm(self) -> np.ndarray:
        """(height, width)."""
        return np.multiply(self.image.shape, self.spacing_mm)


def write_animation(
    path: str | os.PathLike,
    image: np.ndarray,
    phis: np.ndarray,
    spacing_mm: Sequence[float],
    times: Sequence[float],
    window_hu: tuple[float, float],
    steps: Sequence[int] | None = None,
) -> None:
    """Writes a film of the zero contour of phi on its way, over the image and its faint beginning, atomically.

    Args:
        path: .gif or .mp4. A failing write leaves no file behind, and an old one as it was.
        image: (height, width) or (slices, height, width), HU.
        phis: (frames, *image.shape), mm. Of a volume, three planes through the final region are shown.
        spacing_mm: (dy, dx) or (dz, dy, dx).
        times: (frames,), s, for the caption.
        window_hu: HU that are (black, white).
        steps: (frames,), for the caption; one a frame if not given.

    Raises:
        ValueError: for another suffix, or if the shapes do not fit.
        ImportError: if matplotlib or imageio is not installed: pip install 'lsn_tf[solver]'.
    """
    path = pathlib.Path(path)
    if path.suffix not in (".gif", ".mp4"):
        raise ValueError(f"path must end in .gif or .mp4. Received {path}.")
    steps = range(len(phis)) if steps is None else steps
    _check_shapes(image, phis, spacing_mm, times, steps)
    captions = [f"t = {time:.2f} s    step {step}" for time, step in zip(times, steps, strict=True)]
    frames = _draw(planes(image, phis, spacing_mm), captions, window_hu)
    with replaced(path) as temporary:
        if path.suffix == ".gif":
            _write_gif(temporary, frames)
        else:
            _write_mp4(temporary, frames)


def check_installed() -> None:
    """Raises ImportError, saying what to install, if what draws and writes a film is not there."""
    _imageio()
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(_INSTALL)


def planes(image: np.ndarray, phis: np.ndarray, spacing_mm: Sequence[float]) -> list[Plane]:
    """Returns a picture as it is; of a volume the axial, coronal and sagittal plane, the head up; of one slice itself.

    Each is the one in which the final region has its largest area; if that region is empty, the initial one.
    """
    if image.ndim == 2:
        return [Plane(image, phis, tuple(spacing_mm))]
    region = inside(phis[-1]) if inside(phis[-1]).any() else inside(phis[0])
    z, y, x = (int(region.sum(axis=others).argmax()) for others in ((1, 2), (0, 2), (0, 1)))
    dz, dy, dx = spacing_mm
    axial = Plane(image[z], phis[:, z], (dy, dx))
    coronal = Plane(image[::-1, y], phis[:, ::-1, y], (dz, dx))
    sagittal = Plane(image[::-1, :, x], phis[:, ::-1, :, x], (dz, dy))
    return [axial, coronal, sagittal] if len(image) > 1 else [axial]


def arrange(sizes_mm: Sequence[np.ndarray], long_side_px: int) -> np.ndarray:
    """Places planes on the screen, all at one scale: in a row, but the others stacked if the first is high enough.

    Args:
        sizes_mm: (height, width) of each plane.
        long_side_px: length of the longest side.

    Returns:
        (planes, 4) int, (top, left, height, width) in pixels, all even, as MP4 needs them.
    """
    scale = long_side_px / np.max(sizes_mm)
    sizes = 2 * np.rint(np.multiply(sizes_mm, scale) / 2).astype(int).clip(1)
    stacked = (sizes[1:, 0] + GAP_PX).sum() <= sizes[0, 0] + GAP_PX
    corners = [np.zeros(2, int)]
    for before in range(len(sizes) - 1):
        towards = (1, 0) if stacked and before else (0, 1)  # down, to the right
        corners.append(corners[-1] + towards * (sizes[before] + GAP_PX))
    return np.column_stack([corners, sizes])


def _check_shapes(image, phis, spacing_mm, times, steps) -> None:
    if image.ndim not in (2, 3) or phis.shape[1:] != image.shape or len(phis) == 0:
        raise ValueError(
            "phis must be (frames, height, width) over an image (height, width), or (frames, slices, height, width) "
            f"over (slices, height, width). Received phis {phis.shape} and image {image.shape}."
        )
    if len(spacing_mm) != image.ndim or len(times) != len(phis) or len(steps) != len(phis):
        raise ValueError(
            f"spacing_mm must have {image.ndim} numbers, times and steps {len(phis)}, one a frame. "
            f"Received {len(spacing_mm)}, {len(times)} and {len(steps)}."
        )


def _draw(views: Sequence[Plane], captions: Sequence[str], window_hu: tuple[float, float]) -> Iterator[np.ndarray]:
    """Yields a frame, (height, width, 3) uint8, for each caption."""
    largest = max(views, key=lambda view: view.size_mm.max())
    boxes = arrange([view.size_mm for view in views], max(LONG_SIDE_PX, *largest.image.shape))
    height, width = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) + (CAPTION_PX, 0)
    figure, canvas = _black_figure(height, width)
    axes = []
    for view, (top, left, high, wide) in zip(views, boxes, strict=True):
        axis = figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))
        black, white = window_hu
        axis.imshow(view.image, cmap="gray", vmin=black, vmax=white, interpolation="bicubic", aspect="auto")
        axis.axis("off")
        _draw_contour(axis, view.phis[0], START)
        axes.append(axis)
    text = figure.text(10 / width, CAPTION_PX / 2 / height, "", color="white", fontsize=15, va="center")
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    for frame, caption in enumerate(captions):
        canvas.restore_region(still)
        text.set_text(caption)
        fronts = [_draw_contour(axis, view.phis[frame], FRONT) for axis, view in zip(axes, views, strict=True)]
        for artist in (text, *fronts):
            figure.draw_artist(artist)
        yield np.array(canvas.buffer_rgba())[..., :3]


def _black_figure(height: int, width: int):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="black")
    return figure, FigureCanvasAgg(figure)


def _draw_contour(axis, phi: np.ndarray, style: dict):
    """Draws where phi, interpolated between the centres of pixels, is zero: perhaps nowhere."""
    return axis.contour(phi, levels=[0], colors=[np.divide(COLOUR, 255)], **style)


def _write_gif(path: pathlib.Path, frames: Iterable[np.ndarray]) -> None:
    """One palette for all frames: what does not move is stored once, and the film is a tenth of the size."""
    imageio = _imageio()
    from PIL import Image  # comes with both matplotlib and imageio

    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette().tobytes())
    nearest = (Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    frames = [np.asarray(frame.convert("RGB")) for frame in nearest]
    last_ms = 1000 * LAST_FRAME_S
    duration_ms = [*[1000 / FRAMES_PER_SECOND] * (len(frames) - 1), last_ms] if len(frames) > 1 else last_ms
    imageio.mimwrite(path, frames, format="GIF", duration=duration_ms, loop=0)


def _palette() -> np.ndarray:
    """Returns 256 colours, (256, 3) uint8: 64 greys, and the contour's colour mixed in 8 ways with 24 greys.

    Pillow tells no more than 64 greys apart when it looks for the nearest colour.
    """
    greys, coarse = (np.linspace(0, 255, number)[:, np.newaxis] * np.ones(3) for number in (64, 24))
    mixed = [alpha * np.array(COLOUR) + (1 - alpha) * coarse for alpha in np.linspace(0.125, 1, 8)]
    return np.rint(np.concatenate([greys, *mixed])).astype(np.uint8)


def _write_mp4(path: pathlib.Path, frames: Iterable[np.ndarray]) -> None:
    settings = {"fps": FRAMES_PER_SECOND, "quality": 8, "macro_block_size": 2}
    writer = _imageio().get_writer(path, format="FFMPEG", **settings)
    with contextlib.closing(writer) as film:  # its own `with` would leave ffmpeg running after an error
        for frame in frames:
            film.append_data(frame)


def _imageio():
    try:
        import imageio.v2
        import imageio_ffmpeg  # noqa: F401, or imageio itself would only notice when it writes
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    return imageio.v2
