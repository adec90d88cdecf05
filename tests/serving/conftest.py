"""A model whose answers are known, ready to be served, and a client of it."""

import pathlib

import pytest
from starlette.testclient import TestClient
from threshold_model import Threshold

from lsn_tf.serving.admission import Limits
from lsn_tf.serving.application import make_application
from lsn_tf.serving.segmentation_model import SegmentationModel
from lsn_tf.serving.served_models import open_served_model

MOST_NUMBERS = 10_000
LIMITS = Limits(body_bytes=200_000, json_bytes=150_000, at_once=2, waiting=4)


@pytest.fixture(scope="session")
def threshold_folder(tmp_path_factory) -> pathlib.Path:
    """The folder of versions of that SavedModel."""
    folder = tmp_path_factory.mktemp("threshold")
    Threshold().save(folder)
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
