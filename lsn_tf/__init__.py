"""Level set networks: segmentation networks whose forward pass solves the level set equation."""

import importlib
import os

from lsn_tf.silence import import_tensorflow_silently, is_command

if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow reports a machine without a GPU as an error
    if is_command():
        import_tensorflow_silently()
_HOMES = {
    "AnySize": "lsn_tf.models",
    "LevelSetEvolution": "lsn_tf.layers",
    "LevelSetLoss": "lsn_tf.losses",
    "LevelSetNetwork": "lsn_tf.models",
    "LevelSetStep": "lsn_tf.layers",
    "STENCILS": "lsn_tf.numerics.stencils",
    "StencilConv": "lsn_tf.layers",
    "UNet": "lsn_tf.models",
    "build_model": "lsn_tf.models",
    "certify": "lsn_tf.certificate",
    "dice": "lsn_tf.metrics",
    "from_solver": "lsn_tf.solver",
    "signed_distance": "lsn_tf.numerics.level_sets",
    "to_solver": "lsn_tf.solver",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    """Imports a public name when it is first used, so that `import lsn_tf.numerics` needs no Keras."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
