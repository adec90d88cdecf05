"""KServe's data plane with raw tensors that never become lists, and without what this server does not offer."""

from typing import Any

import orjson
import pydantic
from kserve import InferRequest, InferResponse, ModelRepository
from kserve.constants.constants import INFERENCE_CONTENT_LENGTH_HEADER, PredictorProtocol
from kserve.errors import InvalidInput
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.v2_datamodels import InferenceRequest

from lsn_tf.serving.tensors import TooLarge, from_bytes

PLATFORM = "tensorflow_savedmodel"
CONTENT_TYPE = "Content-Type"  # KServe drops it in small letters


class TensorPlane(DataPlane):
    """Decodes requests into tensors and encodes answers. CloudEvents are not spoken: their headers mean nothing.

    Args:
        models: the registry.
        most_json_bytes: of JSON in a request: nothing else runs while it is parsed, in whatever thread.
    """

    def __init__(self, models: ModelRepository, most_json_bytes: int):
        super().__init__(models)
        self._most = most_json_bytes

    def decode(self, body, headers, protocol_version=PredictorProtocol.REST_V1.value, model_name=None):
        if protocol_version == PredictorProtocol.REST_V2.value:
            return self.decode_inference_request(body, headers, model_name), {}
        return self._json(body), {}

    def decode_inference_request(self, body, headers, model_name):
        length = headers.get(INFERENCE_CONTENT_LENGTH_HEADER, str(len(body)))
        if not (length.isascii() and length.isdigit() and len(length) < 20 and int(length) <= len(body)):
            raise InvalidInput(f"{INFERENCE_CONTENT_LENGTH_HEADER}: expected the length of the JSON, before tensors.")
        view, length = memoryview(body), int(length)
        return _request_with_raw_tensors(self._json(view[:length]), view[length:], model_name)

    def _json(self, content: bytes | memoryview) -> Any:
        if len(content) > self._most:
            raise TooLarge(
                f"expected at most {self._most} bytes of JSON (--max_json_mib). Received {len(content)}. "
                "Send raw tensors."
            )
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"expected JSON. Received what is none: {error}") from error

    def encode(self, model_name, response, headers, req_attributes):
        raw_after = None
        if isinstance(response, InferResponse):
            response, raw_after = response.to_rest()
        if raw_after is not None:
            return response, {INFERENCE_CONTENT_LENGTH_HEADER: str(raw_after), CONTENT_TYPE: "application/octet-stream"}
        content = orjson.dumps(response, option=orjson.OPT_SERIALIZE_NUMPY)  # KServe's own way takes ten times as long
        return content, {CONTENT_TYPE: "application/json"}

    async def model_metadata(self, model_name):
        version = self.get_model_from_registry(model_name).served.version
        return await super().model_metadata(model_name) | {"platform": PLATFORM, "versions": [version]}


class FixedModels(ModelRepositoryExtension):
    """A repository of models that clients can neither load nor unload."""

    async def load(self, model_name):
        raise InvalidInput("the model of this server is fixed: it cannot be loaded.")

    async def unload(self, model_name):
        raise InvalidInput("the model of this server is fixed: it cannot be unloaded.")


def _request_with_raw_tensors(request: Any, body: memoryview, model_name: str) -> InferRequest:
    """Returns a request whose JSON was followed by the bytes of tensors, the binary data extension of the protocol."""
    inputs = request.get("inputs") if isinstance(request, dict) else None
    inputs = inputs if isinstance(inputs, list) else []
    raw = [_raw_size(tensor) for tensor in inputs]
    for tensor, size in zip(inputs, raw, strict=True):
        if size is not None:
            tensor["data"] = []
    try:
        decoded = InferRequest.from_inference_request(InferenceRequest.model_validate(request), model_name)
    except pydantic.ValidationError as error:
        raise InvalidInput(first_error(error.errors(include_input=False, include_url=False))) from error
    start = 0
    for tensor, size in zip(decoded.inputs, raw, strict=True):
        if size is not None:
            tensor.data = from_bytes(tensor.name[:20], body[start : start + size], tensor.datatype, tensor.shape)
            start += size
    if start != len(body):
        raise InvalidInput(f"expected {start} bytes of raw tensors. Received {len(body)}.")
    return decoded


def _raw_size(tensor: Any) -> int | None:
    """Returns how many bytes of a tensor follow the JSON, None if its data are in it."""
    parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if type(size) is not int or size < 0 or "data" in tensor:
        raise InvalidInput("binary_data_size: expected a number of bytes, and no data in the JSON.")
    return size


def first_error(errors: list[dict[str, Any]]) -> str:
    """Returns the first of pydantic's errors in words, without the input that it is about."""
    where = ".".join(str(part)[:20] for part in errors[0]["loc"])
    return f"{where[:200]}: {errors[0]['msg'][:200]}" if where else errors[0]["msg"][:200]
