"""A model as KServe's server calls it: TF-Serving's predict and the inference of the Open Inference Protocol v2."""

import asyncio
import concurrent.futures
from collections.abc import Mapping, Sequence
from typing import Any

import kserve
import numpy as np
import tensorflow as tf
from kserve.errors import InvalidInput
from kserve.utils.numpy_codec import from_np_dtype
from kserve.utils.utils import generate_uuid

from lsn_tf.serving.served_models import DEFAULT_SIGNATURE, ServedModel, Signature, TensorSpec
from lsn_tf.serving.tensors import TooLarge, check_inputs, check_size_of_json, from_lists, shaped

WARM_UP_SIZE = 16  # pixels


class SegmentationModel(kserve.Model):
    """A served model; answers in threads of its own, so that the server remains awake.

    Args:
        name: in URLs.
        served: its signatures.
        threads: predictions at a time.
        most_numbers: in one tensor of a request.
    """

    def __init__(self, name: str, served: ServedModel, threads: int, most_numbers: int):
        super().__init__(name)
        self.served = served
        self.threads = threads
        self._most = most_numbers
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "prediction")

    def load(self) -> bool:
        """Makes a first prediction, which takes longer than all others. Returns that the model is ready."""
        signature = self.served.signatures[DEFAULT_SIGNATURE]
        sizes = {name: _any_size(spec) for name, spec in signature.inputs.items()}
        signature.apply({name: np.ones(sizes[name], spec.dtype) for name, spec in signature.inputs.items()})
        self.ready = True
        return True

    def get_input_types(self) -> list[dict[str, Any]]:
        return _as_metadata(self.served.signatures[DEFAULT_SIGNATURE].inputs)

    def get_output_types(self) -> list[dict[str, Any]]:
        return _as_metadata(self.served.signatures[DEFAULT_SIGNATURE].outputs)

    async def predict(self, payload, headers=None, response_headers=None):
        answer = self._answer_v2 if isinstance(payload, kserve.InferRequest) else self._answer_v1
        return await asyncio.get_running_loop().run_in_executor(self._pool, answer, payload)

    def _answer_v1(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or ("instances" in body) == ("inputs" in body):
            raise InvalidInput('expected a JSON object with either "instances" or "inputs".')
        signature = self._signature(body.get("signature_name") or DEFAULT_SIGNATURE)
        if "inputs" in body:
            outputs = self._apply(signature, self._columns(body["inputs"]))
            check_size_of_json(outputs.values())
            return {"outputs": _nameless_if_alone(outputs)}
        rows = body["instances"]
        if not all(spec.shape[:1] == (None,) for spec in (*signature.inputs.values(), *signature.outputs.values())):
            raise InvalidInput('this signature has tensors without a batch: expected "inputs". Received "instances".')
        outputs = self._apply(signature, self._columns(_transposed(rows)))
        check_size_of_json(outputs.values())
        if any(len(output) != len(rows) for output in outputs.values()):
            raise InvalidInput('this signature does not answer row by row: expected "inputs". Received "instances".')
        return {
            "predictions": [
                _nameless_if_alone({name: output[row] for name, output in outputs.items()}) for row in range(len(rows))
            ]
        }

    def _answer_v2(self, request: kserve.InferRequest) -> kserve.InferResponse:
        parameters = request.parameters or {}
        signature = self._signature(parameters.get("signature_name", DEFAULT_SIGNATURE))
        asked = [output.name for output in request.request_outputs or ()]
        if len(asked) != len(set(asked) & signature.outputs.keys()):
            raise InvalidInput(f"expected some of the outputs {', '.join(signature.outputs)}, each once.")
        if len({tensor.name for tensor in request.inputs}) != len(request.inputs):
            raise InvalidInput("expected each input once.")
        outputs = self._apply(signature, {tensor.name: self._tensor(tensor) for tensor in request.inputs})
        raw = {output.name: output.binary_data for output in request.request_outputs or ()}
        raw = raw or dict.fromkeys(outputs, request.use_binary_outputs)
        check_size_of_json([outputs[name] for name in raw if not raw[name]])
        return kserve.InferResponse(
            request.id or generate_uuid(),
            self.name,
            [
                kserve.InferOutput(name, list(array.shape), from_np_dtype(array.dtype), np.asarray(array, order="C"))
                for name, array in outputs.items()
            ],
            model_version=self.served.version,
            use_binary_outputs=request.use_binary_outputs,
            requested_outputs=request.request_outputs,
        )

    def _signature(self, name: Any) -> Signature:
        if not isinstance(name, str) or name not in self.served.signatures:
            raise InvalidInput(f"expected a signature_name of {', '.join(self.served.signatures)}.")
        return self.served.signatures[name]

    def _columns(self, columns: Any) -> dict[str, np.ndarray]:
        if not isinstance(columns, Mapping):
            raise InvalidInput("expected an object with a tensor for each input.")
        return {name: from_lists(name[:20], value, self._most) for name, value in columns.items()}

    def _tensor(self, tensor: kserve.InferInput) -> np.ndarray:
        name, data = tensor.name[:20], tensor.data
        if isinstance(data, np.ndarray):  # it came as bytes
            return data
        return shaped(name, from_lists(name, data, self._most), tensor.datatype, tensor.shape)

    def _apply(self, signature: Signature, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        checked = check_inputs(signature.inputs, arrays, self._most)
        try:
            outputs = signature.apply(checked)
        except tf.errors.InvalidArgumentError as error:
            raise InvalidInput(f"the model cannot use these inputs: {_reason(error)}") from error
        except tf.errors.ResourceExhaustedError as error:
            raise TooLarge("the model needs more memory for these inputs than there is.") from error
        if not all(np.isfinite(array).all() for array in outputs.values()):
            raise InvalidInput("expected inputs within reason. The model's answer to these is not finite.")
        return outputs


def _transposed(rows: Any) -> dict[str, list]:
    """Returns {input: its values in all rows} of TF-Serving's rows, [{input: value, ...}, ...]."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput('"instances": expected a list of objects, one for each slice, with a tensor for each input.')
    if any(row.keys() != rows[0].keys() for row in rows):
        raise InvalidInput('"instances": expected the same inputs in each.')
    return {name: [row[name] for row in rows] for name in rows[0]}


def _nameless_if_alone(outputs: Mapping[str, np.ndarray]) -> Any:
    """Returns outputs as TF-Serving does: one alone without its name."""
    return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs)


def _as_metadata(specs: Mapping[str, TensorSpec]) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": from_np_dtype(spec.dtype), "shape": [-1 if n is None else n for n in spec.shape]}
        for name, spec in specs.items()
    ]


def _any_size(spec: TensorSpec) -> Sequence[int]:
    """Returns a shape that a tensor may have: one slice of `WARM_UP_SIZE`."""
    return [(WARM_UP_SIZE if axis else 1) if size is None else size for axis, size in enumerate(spec.shape)]


def _reason(error: tf.errors.OpError) -> str:
    """Returns the line of TensorFlow's message that says what is wrong."""
    lines = [line.strip() for line in error.message.splitlines()]
    told = [line for line in lines if line and not line.startswith(("Graph execution", "Detected at", "<stack", "[["))]
    return told[0][:200] if told else "no reason given."
