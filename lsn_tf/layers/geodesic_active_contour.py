"""The classical coefficients of the level set equation: the geodesic active contour."""

import keras

from lsn_tf.layers.boundary import per_image
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.numerics.stencils import gradient_names


@keras.saving.register_keras_serializable("lsn_tf")
class GeodesicActiveContour(keras.layers.Layer):
    """V = c g, a = -beta grad g, epsilon = alpha g h: expand in flat regions, halt on edges, stay smooth.

    alpha, beta and c are its three scalars, whose initial values are the arguments.

    Args:
        balloon: c, mm/s; positive expands.
        attraction: beta, the pull towards edges, mm**2/s, not negative; with 0 there is no such term.
        smoothing: alpha, the weight of curvature per pixel size h (the geometric mean over the axes), mm/s, not
            negative; with 0 there is no such term.
        trainable: whether the three scalars are learned.

    Call arguments:
        edge_indicator: g, (batch, [depth,] height, width, 1).
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        The fields of a `LevelSetStep`: a dict of "speed" and, of the terms that there are, "curvature_weight" and
        "velocity".

    Reference: Caselles, Kimmel & Sapiro (1997), doi:10.1023/A:1007979827043.
    """

    def __init__(self, balloon: float = 1.0, attraction: float = 1.0, smoothing: float = 0.125, **kwargs):
        super().__init__(**kwargs)
        if min(attraction, smoothing) < 0:
            raise ValueError(
                "attraction and smoothing must not be negative. "
                f"Received attraction={attraction}, smoothing={smoothing}."
            )
        self.balloon, self.attraction, self.smoothing = balloon, attraction, smoothing

    def build(self, edge_indicator_shape, spacing_shape=None):
        names = gradient_names(len(edge_indicator_shape) - 2)
        self.gradient = StencilConv(names, dtype=self.dtype_policy, name="gradient")
        self.gradient.build(edge_indicator_shape)
        self.c = self._scalar("balloon", self.balloon)
        if self.attraction:
            self.beta = self._scalar("attraction", self.attraction, keras.constraints.NonNeg())
        if self.smoothing:
            self.alpha = self._scalar("smoothing", self.smoothing, keras.constraints.NonNeg())
        self.built = True

    def _scalar(self, name, value, constraint=None):
        initializer = keras.initializers.Constant(value)
        return self.add_weight(name=name, shape=(), initializer=initializer, constraint=constraint)

    def call(self, edge_indicator, spacing):
        fields = {"speed": self.c * edge_indicator}
        if self.smoothing:
            ndim = spacing.shape[1]
            pixel = per_image(keras.ops.prod(spacing, axis=1) ** (1 / ndim), ndim)
            fields["curvature_weight"] = keras.ops.relu(self.alpha) * pixel * edge_indicator
        if self.attraction:
            gradient = keras.ops.concatenate(self.gradient(edge_indicator, spacing), axis=-1)
            fields["velocity"] = -self.beta * gradient
        return fields

    def get_config(self):
        config = {"balloon": self.balloon, "attraction": self.attraction, "smoothing": self.smoothing}
        return {**super().get_config(), **config}
