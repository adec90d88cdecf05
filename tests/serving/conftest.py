"""A SavedModel whose answers are known: phi = HU - 100, probability = phi > 0, and a signature without a batch."""

import pathlib

import pytest
import tensorflow as tf
from starlette.testclient import TestClient

from lsn_tf.serving.admission import Limits
from lsn_tf.serving.application import make_application
from lsn_tf.serving.segmentation_model import SegmentationModel
from lsn_tf.serving.served_models import open_served_model

MOST_NUMBERS = 10_000
LIMITS = Limits(body_bytes=200_000, at_once=2, waiting=4)


class Threshold(tf.Module):
    """Segments what is darker than 100 HU."""

    def __init__(self):
        super().__init__()
        self.threshold = tf.Variable(100.0)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, 1), tf.float32, "image"),
            tf.TensorSpec((None, 2), tf.float32, "spacing"),
        ]
    )
    def segment(self, image, spacing):
        phi = image - self.threshold + 0 * spacing[:, None, None, :1]
        return {"phi": phi, "probability": tf.cast(phi < 0, tf.float32), "mask": tf.cast(phi < 0, tf.uint8)}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None), tf.int16, "volume"),
            tf.TensorSpec((3,), tf.float32, "spacing"),
            tf.TensorSpec((None,), tf.float32, "times"),
        ]
    )
    def evolve(self, volume, spacing, times):
        tf.debugging.assert_less(times, 1e3, "times must be below 1000")
        return {"phi": tf.cast(volume, tf.float32)[None] * times[:, None, None, None] / tf.reduce_prod(spacing)}


@pytest.fixture(scope="session")
def threshold_folder(tmp_path_factory) -> pathlib.Path:
    """The folder of versions of that SavedModel."""
    model, folder = Threshold(), tmp_path_factory.mktemp("threshold")
    signatures = {"serving_default": model.segment, "evolve": model.evolve}
    tf.saved_model.save(model, str(folder / "3"), signatures)
    return folder


@pytest.fixture(scope="session")
def model(threshold_folder) -> SegmentationModel:
    """It, ready to be served."""
    segmenter = SegmentationModel("threshold", open_served_model(threshold_folder), LIMITS.at_once, MOST_NUMBERS)
    segmenter.load()
    return segmenter


@pytest.fixture(scope="session")
def client(model) -> TestClient:
    """Asks the application that serves it, in this process; raises what the server does not handle."""
    return TestClient(make_application(model, LIMITS))
