"""Every request of the warm-up is one that its signature answers."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from lsn_tf.exported.signatures import signatures
from lsn_tf.exported.warm_up import PLACE, write_warm_up
from lsn_tf.models import AnySize, LevelSetNetwork


def test_every_signature_answers_its_request(tmp_path):
    keras.utils.set_random_seed(1)
    model = AnySize(LevelSetNetwork((-100.0, 400.0), width=0, balloon=1.0, scales=1, steps=1), 16)
    found = signatures(model)
    write_warm_up(tmp_path, "lsn", {name: {s.name: s for s in one.specs} for name, one in found.items()})
    asked = []
    for record in tf.data.TFRecordDataset(str(tmp_path / PLACE)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "lsn"
        asked.append(request.model_spec.signature_name)
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        specs = found[asked[-1]].specs
        assert {spec.name: spec.dtype for spec in specs} == {name: array.dtype for name, array in inputs.items()}
        if asked[-1] in (
            "serving_default",
            "volume",
            "evolve",
            "evolve_mask",
            "serving_uint8",
        ):  # others differ by type
            answer = found[asked[-1]].function(*(tf.constant(inputs[spec.name]) for spec in specs))
            assert np.isfinite(answer["phi"]).all()
    assert asked == list(found)
