"""The web application: KServe's endpoints of both protocols around one model, with reasons for all that is refused."""

from http import HTTPStatus
from typing import Any

import fastapi
import tensorflow as tf
from fastapi.exceptions import RequestValidationError
from kserve import ModelRepository
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady
from kserve.protocol.rest.server import metrics_handler
from kserve.protocol.rest.v1_endpoints import register_v1_endpoints
from kserve.protocol.rest.v2_endpoints import register_v2_endpoints
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from tensorflow.core.framework import types_pb2

from lsn_tf.serving.admission import Admission, Limits
from lsn_tf.serving.data_plane import FixedModels, TensorPlane, first_error
from lsn_tf.serving.segmentation_model import SegmentationModel
from lsn_tf.serving.served_models import ServedModel, TensorSpec
from lsn_tf.serving.tensors import TooLarge

STATUS = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ModelNotFound: HTTPStatus.NOT_FOUND,
    NotImplementedError: HTTPStatus.NOT_FOUND,  # versions in URLs, explanations
    ModelNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
}


def make_application(model: SegmentationModel, limits: Limits) -> Admission:
    """Returns an ASGI application that serves a model.

    GET /v2/health/live and /ready, /v2/models/NAME and /v1/models/NAME/metadata, /metrics for Prometheus;
    POST /v1/models/NAME:predict as TF-Serving, /v2/models/NAME/infer as the Open Inference Protocol.
    """
    registry = ModelRepository()
    registry.update(model)
    plane, models = TensorPlane(registry, limits.json_bytes), FixedModels(registry)
    application = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    async def metadata(model_name: str) -> dict[str, Any]:
        return _tf_serving_metadata(model_name, plane.get_model_from_registry(model_name).served)

    application.add_api_route("/", plane.live)
    application.add_api_route("/metrics", metrics_handler)
    application.add_api_route("/v1/models/{model_name}/metadata", metadata)
    register_v1_endpoints(application, plane, models)
    register_v2_endpoints(application, plane, models)
    for error in STATUS:
        application.add_exception_handler(error, _say_why)
    application.add_exception_handler(RequestValidationError, _say_what_is_malformed)
    application.add_exception_handler(HTTPException, _say_what_is_wrong_with_the_address)
    return Admission(_of_bytes(application), limits)


def _of_bytes(application):
    """Returns an application that gets all bodies as bytes: FastAPI would parse JSON itself, at half the speed."""

    async def apply(scope, receive, send):
        if scope["type"] == "http":
            others = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            scope = {**scope, "headers": [*others, (b"content-type", b"application/octet-stream")]}
        await application(scope, receive, send)

    return apply


def _tf_serving_metadata(name: str, served: ServedModel) -> dict[str, Any]:
    """Returns all signatures as TF-Serving's metadata has them, and what is inside."""
    signatures = {
        key: {
            "inputs": {name: _tensor_info(name, spec) for name, spec in signature.inputs.items()},
            "outputs": {name: _tensor_info(name, spec) for name, spec in signature.outputs.items()},
            "method_name": "tensorflow/serving/predict",
        }
        for key, signature in served.signatures.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": served.version},
        "metadata": {"signature_def": {"signature_def": signatures}, "about": served.about},
    }


def _tensor_info(name: str, spec: TensorSpec) -> dict[str, Any]:
    dimensions = [{"size": str(-1 if size is None else size), "name": ""} for size in spec.shape]
    shape = {"dim": dimensions, "unknown_rank": False}
    enum = tf.as_dtype(spec.dtype).as_datatype_enum
    return {"dtype": types_pb2.DataType.Name(enum), "tensor_shape": shape, "name": name}


async def _say_why(request, error) -> JSONResponse:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return JSONResponse({"error": str(error)}, status)


async def _say_what_is_malformed(request, error) -> JSONResponse:
    return JSONResponse({"error": first_error(error.errors())}, HTTPStatus.BAD_REQUEST)


async def _say_what_is_wrong_with_the_address(request, error) -> JSONResponse:
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
