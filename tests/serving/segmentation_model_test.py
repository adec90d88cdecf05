"""A served model answers in its own threads, and is ready only once it has answered itself."""

import asyncio
import threading

import numpy as np

from lsn_tf.serving.segmentation_model import SegmentationModel
from lsn_tf.serving.served_models import ServedModel, Signature, TensorSpec

SPEC = {"image": TensorSpec((None, None, None, 1), np.dtype("float32"))}


def model_of(apply, threads=1):
    outputs = {"phi": SPEC["image"], "mask": TensorSpec((None, None, None, 1), np.dtype("uint8"))}
    served = ServedModel("1", {"serving_default": Signature(SPEC, outputs, apply)}, {})
    return SegmentationModel("segmenter", served, threads, most_numbers=100)


def test_it_is_ready_when_it_has_answered_once():
    shapes = []
    model = model_of(lambda arrays: shapes.append(arrays["image"].shape))
    assert not model.ready
    assert model.load() and model.ready
    assert shapes == [(1, 16, 16, 1)]


def test_so_many_predictions_at_a_time_and_none_in_the_thread_of_the_server():
    at_once, threads = threading.Barrier(3, timeout=10), set()

    def apply(arrays):
        at_once.wait()  # only three together get on
        threads.add(threading.get_ident())
        return {"phi": arrays["image"], "mask": arrays["image"]}

    async def ask():
        model = model_of(apply, threads=3)
        return await asyncio.gather(*(model.predict({"inputs": {"image": [[[[i]]]]}}) for i in range(6)))

    answers = asyncio.run(ask())
    assert [answer["outputs"]["phi"].item() for answer in answers] == list(range(6))
    assert len(threads) == 3 and threading.get_ident() not in threads
