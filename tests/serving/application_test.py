"""Both protocols give the same answers; whatever else comes gets a status of 4xx with a reason, and nothing breaks."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threshold_model import IMAGE, SPACING, V1, V2, raw_request, read_raw

from lsn_tf.serving import tensors

COLUMNS = {"image": IMAGE.tolist(), "spacing": SPACING.tolist()}
TENSORS = [
    {"name": "image", "shape": list(IMAGE.shape), "datatype": "INT16", "data": IMAGE.ravel().tolist()},
    {"name": "spacing", "shape": [2, 2], "datatype": "FP32", "data": SPACING.tolist()},
]
PHI = IMAGE - 100.0
ADDRESSES = (V1, V2, "/v1/models/none:predict", "/v2/models/none/infer", "/v2/repository/models/threshold/unload")


def test_columns_and_rows_of_tf_serving_have_the_same_answers(client):
    outputs = client.post(V1, json={"inputs": COLUMNS}).json()["outputs"]
    np.testing.assert_array_equal(outputs["phi"], PHI)
    np.testing.assert_array_equal(outputs["mask"], PHI < 0)
    rows = [{"image": IMAGE[i].tolist(), "spacing": SPACING[i].tolist()} for i in range(2)]
    predictions = client.post(V1, json={"instances": rows, "signature_name": "serving_default"}).json()["predictions"]
    assert predictions == [{name: output[i] for name, output in outputs.items()} for i in range(2)]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_the_open_inference_protocol_has_them_too(client, content_type):
    body = json.dumps({"id": "42", "inputs": TENSORS})
    answer = client.post(V2, content=body, headers={"content-type": content_type})
    assert answer.headers["content-type"] == "application/json"
    outputs = {output["name"]: output for output in answer.json()["outputs"]}
    assert (answer.json()["id"], answer.json()["model_name"], answer.json()["model_version"]) == (
        "42",
        "threshold",
        "3",
    )
    assert {name: output["datatype"] for name, output in outputs.items()} == {
        "mask": "UINT8", "phi": "FP32", "probability": "FP32"
    }  # fmt: skip
    np.testing.assert_array_equal(np.reshape(outputs["phi"]["data"], outputs["phi"]["shape"]), PHI)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "int64", "float16", "float32", "float64"]
)
def test_raw_tensors_of_every_type_go_in_and_come_out(client, dtype):
    body, headers = raw_request({"image": IMAGE.astype(dtype), "spacing": SPACING}, {"binary_data_output": True})
    answer = client.post(V2, content=body, headers=headers)
    assert answer.headers["content-type"] == "application/octet-stream"
    outputs = read_raw(answer)
    np.testing.assert_array_equal(outputs["phi"], IMAGE.astype(dtype) - np.float32(100))
    assert {name: array.dtype.name for name, array in outputs.items()} == {
        "mask": "uint8", "phi": "float32", "probability": "float32"
    }  # fmt: skip


def test_a_client_asks_for_some_outputs_each_in_its_form(client):
    asked = [{"name": "mask", "parameters": {"binary_data": True}}, {"name": "phi"}]
    body, headers = raw_request({"image": IMAGE, "spacing": SPACING}, {}, asked)
    answer = client.post(V2, content=body, headers=headers)
    np.testing.assert_array_equal(read_raw(answer)["mask"], PHI < 0)
    np.testing.assert_array_equal(read_raw(answer)["phi"], PHI)
    assert set(read_raw(answer)) == {"mask", "phi"}


def test_any_signature_can_be_named_in_both_protocols(client, rng):
    volume, spacing, times = rng.integers(-9, 9, (2, 3, 4)).astype(np.int16), np.float32([2, 1, 1]), np.float32([1, 4])
    expected = volume[None] * times[:, None, None, None] / 2
    arrays = {"volume": volume, "spacing": spacing, "times": times}
    columns = {name: array.tolist() for name, array in arrays.items()}
    answer = client.post(V1, json={"inputs": columns, "signature_name": "evolve"})
    np.testing.assert_array_equal(answer.json()["outputs"], expected)  # alone, as TF-Serving gives it
    body, headers = raw_request(arrays, {"signature_name": "evolve", "binary_data_output": True})
    np.testing.assert_array_equal(read_raw(client.post(V2, content=body, headers=headers))["phi"], expected)
    refused = client.post(V1, json={"inputs": columns | {"times": [5000]}, "signature_name": "evolve"})
    assert refused.status_code == 400 and "times must be below 1000" in refused.json()["error"]
    refused = client.post(V1, json={"instances": [columns], "signature_name": "evolve"})
    assert refused.status_code == 400 and 'expected "inputs"' in refused.json()["error"]


def test_an_output_may_be_a_single_number(client):
    tensor = {"name": "steps", "shape": [], "datatype": "INT32", "data": [5]}
    answer = client.post(V2, json={"parameters": {"signature_name": "count"}, "inputs": [tensor]}).json()
    assert [(output["shape"], output["data"]) for output in answer["outputs"]] == [([], [5])]
    assert client.post(V1, json={"signature_name": "count", "inputs": {"steps": 5}}).json() == {"outputs": 5}


def test_health_and_metadata(client):
    for address in ("/", "/v2/health/live", "/v2/health/ready", "/v2/models/threshold/ready", "/v1/models/threshold"):
        assert client.get(address).status_code == 200
    assert client.get("/v2/models").json() == {"models": ["threshold"]}
    assert client.get("/v2/models/threshold").json() == {
        "name": "threshold",
        "versions": ["3"],
        "platform": "tensorflow_savedmodel",
        "inputs": [
            {"name": "image", "datatype": "FP32", "shape": [-1, -1, -1, 1]},
            {"name": "spacing", "datatype": "FP32", "shape": [-1, 2]},
        ],
        "outputs": [
            {"name": "mask", "datatype": "UINT8", "shape": [-1, -1, -1, 1]},
            {"name": "phi", "datatype": "FP32", "shape": [-1, -1, -1, 1]},
            {"name": "probability", "datatype": "FP32", "shape": [-1, -1, -1, 1]},
        ],
    }
    metadata = client.get("/v1/models/threshold/metadata").json()["metadata"]
    assert metadata["signature_def"]["signature_def"]["evolve"]["inputs"]["volume"] == {
        "dtype": "DT_INT16",
        "name": "volume",
        "tensor_shape": {"dim": 3 * [{"size": "-1", "name": ""}], "unknown_rank": False},
    }
    assert metadata["about"]["target"] is None and "NOT FOR CLINICAL USE" in metadata["about"]["intended_use"]
    assert 'request_predict_seconds_count{model_name="threshold"}' in client.get("/metrics").text


@pytest.mark.parametrize(
    "body, reason",
    [
        ("", "expected JSON"),
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[" * 900 + "]" * 900, "expected a JSON object"),
        ("[]", "expected a JSON object"),
        ("{}", 'either "instances" or "inputs"'),
        ({"inputs": COLUMNS, "instances": []}, 'either "instances" or "inputs"'),
        ({"inputs": COLUMNS, "signature_name": "none"}, "expected a signature_name of count, evolve, serving_default"),
        ({"inputs": COLUMNS, "signature_name": ["evolve"]}, "expected a signature_name"),
        ({"inputs": []}, "an object with a tensor for each input"),
        ({"instances": []}, "a list of objects"),
        ({"instances": [COLUMNS, {}]}, "the same inputs in each"),
        ({"inputs": {"image": COLUMNS["image"]}}, "expected the inputs image, spacing. Received image."),
        ({"inputs": COLUMNS | {"image": [[1, 2], [3]]}}, "lists of equal lengths"),
        ({"inputs": COLUMNS | {"image": [[[["60"]]]]}}, "expected numbers. Received str"),
        ({"inputs": COLUMNS | {"image": [60]}}, "expected the shape (n, n, n, 1)"),
        ({"inputs": COLUMNS | {"spacing": [[0, 1], [1, 1]]}}, "above 0"),
        ({"inputs": COLUMNS | {"image": [[[[1e39]]], [[[1]]]]}}, "expected finite numbers"),
        ('{"inputs": {"image": [[[[NaN]]]], "spacing": [[1, 1]]}}', "expected JSON"),
    ],
)
def test_bad_requests_to_tf_servings_protocol_get_the_reason(client, body, reason):
    answer = client.post(V1, content=body if isinstance(body, str) else json.dumps(body))
    assert answer.status_code == 400 and reason in answer.json()["error"], answer.text


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream"])
@pytest.mark.parametrize(
    "body, reason",
    [
        ("", ""),
        ("{", ""),
        ("[" * 100_000, ""),
        ({"inputs": 3}, "inputs: Input should be a valid list"),
        ({"inputs": [3]}, "inputs.0: Input should be a valid dict"),
        ({"inputs": TENSORS[:1]}, "expected the inputs image, spacing. Received image."),
        ({"inputs": TENSORS + TENSORS[:1]}, "expected each input once"),
        ({"inputs": [TENSORS[0] | {"shape": [3]}, TENSORS[1]]}, "expected 3 numbers for the shape [3]. Received 24."),
        ({"inputs": [TENSORS[0] | {"datatype": "FP128"}, TENSORS[1]]}, "expected a datatype such as FP32"),
        ({"inputs": [TENSORS[0] | {"data": [None]}, TENSORS[1]]}, "expected numbers. Received NoneType"),
        ({"inputs": TENSORS, "outputs": [{"name": "psi"}]}, "expected some of the outputs mask, phi, probability"),
        ({"inputs": TENSORS, "outputs": 2 * [{"name": "phi"}]}, "each once"),
        ({"inputs": TENSORS, "parameters": {"signature_name": 3}}, "expected a signature_name"),
        ({"inputs": [TENSORS[0], TENSORS[1] | {"data": [[1, 0], [1, 1]]}]}, "above 0"),
    ],
)
def test_bad_requests_to_the_open_protocol_get_the_reason(client, body, reason, content_type):
    content = body if isinstance(body, str) else json.dumps(body)
    answer = client.post(V2, content=content, headers={"content-type": content_type})
    assert answer.status_code == 400 and reason in answer.json()["error"], answer.text
    assert len(answer.content) < 1000  # what came is not sent back


@pytest.mark.parametrize(
    "address, status", [("/x", 404), (ADDRESSES[2], 404), (ADDRESSES[3], 404), (ADDRESSES[4], 400)]
)
def test_there_is_one_model_and_it_stays(client, address, status):
    assert client.post(address, json={"inputs": TENSORS}).status_code == status
    assert client.get("/v2/models").json() == {"models": ["threshold"]}


def test_what_this_server_lacks_is_not_found(client):
    for address in ("/v2/models/threshold/versions/3/infer", "/v1/models/threshold:explain"):
        assert client.post(address, json={"inputs": TENSORS}).status_code == 404
    assert client.get(V2).status_code == 405


def test_too_much_is_refused_as_such(client):
    answer = client.post(V1, json={"inputs": COLUMNS | {"image": [[[[0]] * 10_001]]}})
    assert answer.status_code == 413 and "at most 10000 numbers" in answer.json()["error"]
    for address in (V1, V2):
        answer = client.post(address, content=b" " * 150_001)
        assert answer.status_code == 413 and "at most 150000 bytes of JSON" in answer.json()["error"]
    answer = client.post(V1, content=b" " * 200_001)
    assert answer.status_code == 413 and "at most 200000 bytes" in answer.json()["error"]


def test_too_long_an_answer_in_json_is_refused_and_given_raw(client, monkeypatch):
    monkeypatch.setattr(tensors, "MOST_IN_JSON", IMAGE.size)
    only = [{"name": "phi"}]
    for address, body in (
        (V1, {"inputs": COLUMNS}),
        (V1, {"instances": [{"image": IMAGE[0].tolist(), "spacing": SPACING[0].tolist()}] * 2}),
        (V2, {"inputs": TENSORS}),
    ):
        answer = client.post(address, json=body)
        assert answer.status_code == 413 and "at most 24 numbers in JSON. It has 72." in answer.json()["error"]
    assert client.post(V2, json={"inputs": TENSORS, "outputs": only}).status_code == 200
    assert client.post(V2, json={"inputs": TENSORS, "parameters": {"binary_data_output": True}}).status_code == 200


def test_a_model_that_answers_what_is_not_finite_is_not_believed(client, model, monkeypatch):
    signature = model.served.signatures["serving_default"]
    answers = {name: np.full(IMAGE.shape, np.nan) for name in signature.outputs}
    broken = type(signature)(signature.inputs, signature.outputs, lambda _: answers)
    monkeypatch.setitem(model.served.signatures, "serving_default", broken)
    answer = client.post(V1, json={"inputs": COLUMNS})
    assert answer.status_code == 400 and "not finite" in answer.json()["error"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
WORDS = st.sampled_from([*COLUMNS, "instances", "inputs", "outputs", "parameters", "signature_name", "name", "shape"])
WORDS |= st.sampled_from(["datatype", "data", "binary_data_size", "binary_data", "binary_data_output", "id"])
VALUES = SCALARS | st.sampled_from(["phi", "evolve", "INT16", "FP32", "BYTES", 1, 2, -1, [2, 3, 4, 1], [2, 2], 2**62])
JSON = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=4),
    max_leaves=30,
)


@st.composite
def mutated_requests(draw) -> dict:
    """A valid request in which some values have been replaced."""
    request = json.loads(json.dumps(draw(st.sampled_from([
        {"inputs": COLUMNS}, {"instances": [COLUMNS]}, {"inputs": TENSORS, "outputs": [{"name": "phi"}]},
        {"inputs": [TENSORS[0] | {"parameters": {"binary_data_size": 48}}, TENSORS[1]], "parameters": {}},
    ]))))  # fmt: skip
    for _ in range(draw(st.integers(1, 3))):
        place = request
        while True:
            key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
                break
            place = place[key]
        place[key] = copy.deepcopy(draw(JSON))  # what is sampled is shared, and may be changed next
    return request


BODIES = st.binary(max_size=300) | (JSON | mutated_requests()).map(lambda value: json.dumps(value).encode())
BODIES |= st.builds(lambda body, rest: body + rest, BODIES, st.binary(max_size=60))
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "application/octet-stream", "text/plain", "a/b;q", ""]),
        "inference-header-content-length": st.sampled_from(["", "-1", "x", "0", "10", "1e3", "9" * 30, "²"])
        | st.integers(0, 400).map(str),
        "ce-specversion": st.sampled_from(["1.0", "x"]),
        "ce-id": st.just("1"),
        "ce-source": st.just("x"),
        "ce-type": st.just("x"),
        "content-encoding": st.just("gzip"),
    },
)


@settings(max_examples=400, deadline=None)
@given(address=st.sampled_from(ADDRESSES), body=BODIES, headers=HEADERS)
def test_whatever_comes_is_answered_and_the_next_request_too(client, address, body, headers):
    """The client raises what the server does not handle, so a status of 500 cannot pass."""
    headers = {name: value.encode() for name, value in headers.items()}
    answer = client.post(address, content=body, headers=headers)
    assert answer.status_code == 200 or (400 <= answer.status_code < 500 and answer.json()["error"])
    assert client.post(V1, json={"inputs": COLUMNS}).json()["outputs"]["phi"] == PHI.tolist()
