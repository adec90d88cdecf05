"""The level set models: the classical solver (LSE) and, with a learned correction of its coefficients, the LSN."""

from collections.abc import Sequence

import keras
from keras import layers

from lsn_tf.layers import (
    EdgeIndicator,
    GeodesicActiveContour,
    HounsfieldWindow,
    InitialContour,
    LearnedEdgeIndicator,
    LevelSetEvolution,
    Refine,
    SpeedCorrection,
)
from lsn_tf.models.encoder_decoder import encoder_decoder, get_block
from lsn_tf.models.image_to_phi import ImageToPhi, model_inputs
from lsn_tf.numerics.level_sets import INSIDE

INITIAL_CONTOURS = ("disc", "given", "seed_point")


@keras.saving.register_keras_serializable("lsn_tf")
class LevelSetNetwork(ImageToPhi):
    """Solves phi_t + V |grad phi| + a . grad phi = epsilon kappa |grad phi|, from coarse grids to fine ones.

    At each scale the coefficients V, a and epsilon are those of a geodesic active contour on the image at that
    scale. If width > 0 a small convolutional network corrects them; its correction is zero at initialisation.
    The front evolves for some steps, phi is upsampled bilinearly, and the next finer scale goes on.

    Args:
        window: (low, high) of the HU window, its first layer.
        width: channels of the network that corrects the coefficients, one number for all grids or one each, the finest
            first; 0 for the classical solver (LSE).
        depth: number of grids that the network sees; None for as many as it has widths, or those of the equation.
        block: what the network does on a grid, see `encoder_decoder.BLOCKS`.
        scales: number of grids of the equation, each half as fine as the next; 1 solves on the image's grid alone.
        steps: forward Euler steps on each grid, one number for all or one each, the coarsest first.
        further_steps: steps that follow on the finest grid in use, but not in training, see `LevelSetEvolution`.
        time_step: longest time step, s per mm of pixel size, see `LevelSetEvolution`.
        cfl: CFL number.
        tied: whether the steps of a scale share stencils and coefficients.
        transport: whether the transport velocity is corrected too.
        learning: rung of the stencils: "frozen", "consistent" or "free".
        scheme: "godunov" or "osher_sethian".
        curvature: "central", "monotone" or "diffusion"; with the last two and frozen stencils every step keeps the
            maximum principle, see `LevelSetStep`.
        edges: "gradient" for the classical edge indicator, "learned" for 3x3 kernels, or "none": g = 1, and edges are
            for the network to find.
        initial_contour: "disc" starts from a fixed disc; the others from a level set function that is a third input:
            "given" from a contour near by, as of `numerics.level_sets.distance_to_pixels`, "seed_point" from a small
            disc about a point inside, as of `numerics.level_sets.from_seed_points` with a radius of 8 mm.
        balloon: V in flat regions before any correction, mm/s.
        attraction: pull towards edges before any correction, mm**2/s; with 0 there is no such term.
        smoothing: weight of curvature before any correction, mm/s; with 0 there is no such term.

    Call arguments:
        inputs: {"image": (batch, height, width, 1) in HU, "spacing": (batch, 2) = (dy, dx) in mm};
            height and width are multiples of 2**(depth - 1). If initial_contour is not "disc" also
            "phi_0": (batch, height, width, 1), mm.

    Returns:
        phi, (batch, height, width, 1), mm, negative inside.

    Attributes:
        equations: on each grid the symbolic {"phi", "fields", "spacing"} that its evolution starts from.

    References: Actor, Fuentes & Riviere (2020), doi:10.1117/12.2548871; Osher & Sethian (1988),
    doi:10.1016/0021-9991(88)90002-2.
    """

    def __init__(
        self,
        window: tuple[float, float],
        width: int | Sequence[int] = 16,
        depth: int | None = None,
        block: str = "euler",
        scales: int = 5,
        steps: int | Sequence[int] = 8,
        further_steps: int = 0,
        time_step: float = 0.5,
        cfl: float = 0.9,
        tied: bool = True,
        transport: bool = False,
        learning: str = "frozen",
        scheme: str = "godunov",
        curvature: str = "central",
        edges: str = "gradient",
        initial_contour: str = "disc",
        balloon: float = 0.0,
        attraction: float = 0.0,
        smoothing: float = 0.125,
        name: str = "lsn",
    ):
        if initial_contour not in INITIAL_CONTOURS:
            raise ValueError(f"initial_contour must be one of {INITIAL_CONTOURS}. Received {initial_contour!r}.")
        if not tied and not width:
            raise ValueError("steps must be tied where no network (width > 0) gives each its own coefficients.")
        steps = (steps,) * scales if isinstance(steps, int) else tuple(steps)
        if len(steps) != scales:
            raise ValueError(f"steps must be one number, or one for each of {scales} scales. Received {steps}.")
        widths = _widths(width, depth, scales)
        inputs = model_inputs()
        if initial_contour != "disc":
            inputs["phi_0"] = keras.Input((None, None, 1), name="phi_0", dtype="float32")
        windowed = HounsfieldWindow(window, dtype="float32", name="window")(inputs["image"])
        features = [None] * scales
        if width:
            features = encoder_decoder(windowed, widths, get_block(block))[-scales:]
        contour = {"balloon": balloon, "attraction": attraction, "smoothing": smoothing}
        evolution = {"cfl": cfl, "time_step": time_step, "tied": tied}
        step = {"scheme": scheme, "learning": learning, "curvature": curvature}
        phi, equations = None, []
        for level, feature, count in zip(reversed(range(scales)), features, steps, strict=True):
            image = layers.AveragePooling2D(2**level, dtype="float32", name=f"image_{level}")(windowed)
            spacing = layers.Rescaling(2**level, dtype="float32", name=f"spacing_{level}")(inputs["spacing"])
            indicator = _edge_indicator(image, spacing, window, edges, level)
            fields = GeodesicActiveContour(**contour, dtype="float32", name=f"contour_{level}")(indicator, spacing)
            if width:
                correction = SpeedCorrection(
                    1 if tied else count, transport, dtype="float32", name=f"correction_{level}"
                )
                fields = correction(fields, feature)
            if phi is None:
                phi = _initial_phi(inputs, image, spacing, level, initial_contour)
            else:
                phi = Refine(dtype="float32", name=f"refine_{level}")(phi)
            equations.append({"phi": phi, "fields": fields, "spacing": spacing})
            further = 0 if level else further_steps
            evolve = LevelSetEvolution(
                count, **evolution, step=step, further_steps=further, dtype="float32", name=f"evolution_{level}"
            )
            phi = evolve(phi, fields, spacing)
        config = {"window": tuple(window), "width": width, "depth": len(widths), "block": block, "transport": transport}
        config |= {"scales": scales, "steps": steps, "further_steps": further_steps}
        config |= {"edges": edges, "initial_contour": initial_contour}
        config |= {**contour, **evolution, **step}
        super().__init__(inputs, phi, divisor=2 ** (len(widths) - 1), config=config, name=name)
        self.equations = equations

    @property
    def terms(self) -> tuple[str, ...]:
        """The coefficients of the equation, the names of `LevelSetStep`'s fields."""
        return tuple(self.equations[0]["fields"])

    @property
    def evolutions(self) -> list[LevelSetEvolution]:
        """The loops in time, from the coarsest grid to the finest; `equations` holds what each is given."""
        return [layer for layer in self.layers if isinstance(layer, LevelSetEvolution)]


def _widths(width, depth, scales) -> tuple[int, ...]:
    """Returns the channels of the network on each grid that it sees, the finest first; zeros for no network."""
    if isinstance(width, int):
        return (width,) * (max(depth or scales, scales) if width else scales)
    if len(width) < scales or depth not in (None, len(width)):
        raise ValueError(
            f"width must be one number, or one for each grid that the network sees, {depth or scales} at least. "
            f"Received {tuple(width)}."
        )
    return tuple(width)


def _initial_phi(inputs, image, spacing, level, initial_contour):
    """Returns phi_0 on the coarsest grid: the user's, or else the distance to a fixed disc.

    A user's contour is averaged. Of a seed point each coarse pixel takes the value farthest inside, since a small disc
    would not outlive an average.
    """
    if initial_contour == "disc":
        return InitialContour(dtype="float32", name="initial_contour")(image, spacing)
    if initial_contour == "given":
        return layers.AveragePooling2D(2**level, dtype="float32", name="initial_contour")(inputs["phi_0"])
    depth = layers.Rescaling(INSIDE, dtype="float32", name="depth")(inputs["phi_0"])
    deepest = layers.MaxPooling2D(2**level, dtype="float32", name="deepest")(depth)
    return layers.Rescaling(1 / INSIDE, dtype="float32", name="initial_contour")(deepest)


def _edge_indicator(image, spacing, window, edges, level):
    """Returns g at one scale; image is windowed to [-1, 1]."""
    if edges == "learned":
        return LearnedEdgeIndicator(dtype="float32", name=f"edges_{level}")(image)
    if edges == "none":
        return layers.Rescaling(0.0, 1.0, dtype="float32", name=f"edges_{level}")(image)
    if edges != "gradient":
        raise ValueError(f'edges must be "gradient", "learned" or "none". Received {edges!r}.')
    low, high = window
    half = 0.5 * (high - low)
    image_hu = layers.Rescaling(half, low + half, dtype="float32", name=f"hounsfield_{level}")(image)
    return EdgeIndicator(1.5 * 2**level, dtype="float32", name=f"edges_{level}")(image_hu, spacing)
