"""Lists and bytes become the numbers that they say, or are refused; nothing is guessed, and memory is bounded."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from kserve.errors import InvalidInput

from lsn_tf.serving.tensors import MOST_AXES, TooLarge, cast, check_inputs, from_bytes, from_lists, shaped

MOST = 1000
SHAPES = arrays.array_shapes(min_dims=1, max_dims=MOST_AXES, max_side=3)
IMAGE, SPACING = np.zeros((2, 3, 4, 1), np.float32), np.ones((2, 2), np.float32)
SPECS = {
    "image": SimpleNamespace(shape=(None, None, None, 1), dtype=np.float32),
    "spacing": SimpleNamespace(shape=(None, 2), dtype=np.float32),
}


@given(arrays.arrays(st.sampled_from([np.float64, np.int64]), SHAPES, elements={"allow_nan": False}))
def test_what_json_says_of_an_array_is_the_array(array):
    found = from_lists("image", json.loads(json.dumps(array.tolist())), 3**MOST_AXES)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


@pytest.mark.parametrize("value", [True, None, "1", {}, [1, True], [1, None], [[1], ["2"]], ["9" * 100_000, 0], [{}]])
def test_only_numbers_are_numbers(value):
    with pytest.raises(InvalidInput, match="^image: expected numbers. Received "):
        from_lists("image", value, MOST)


@pytest.mark.parametrize("value", [[[1], [1, 2]], [[1], 2], [[[1]], [2]], [[], [1]]])
def test_ragged_lists_are_refused(value):
    with pytest.raises(InvalidInput, match="expected (lists of equal lengths|numbers)"):
        from_lists("image", value, MOST)


def test_deep_lists_are_refused_and_huge_integers_too():
    deep = 1
    for _ in range(MOST_AXES):
        deep = [deep]
    assert from_lists("image", deep, MOST).shape == (1,) * MOST_AXES
    for value in ([deep], [2**63]):
        with pytest.raises(InvalidInput):
            from_lists("image", value, MOST)


def test_more_numbers_than_allowed_are_refused_before_they_are_copied():
    same = [0] * 1000
    assert from_lists("image", same, MOST).size == MOST
    with pytest.raises(TooLarge, match="at most 1000 numbers"):
        from_lists("image", [same] * 10**6, MOST)  # 10^9, if they were


@given(arrays.arrays(st.sampled_from([np.int16, np.uint8, np.float32, np.float64]), SHAPES))
def test_raw_bytes_are_the_array(array):
    datatype = {"int16": "INT16", "uint8": "UINT8", "float32": "FP32", "float64": "FP64"}[array.dtype.name]
    np.testing.assert_array_equal(from_bytes("image", memoryview(array.tobytes()), datatype, array.shape), array)


@pytest.mark.parametrize(
    "length, datatype, shape",
    [(7, "INT16", (2, 2)), (9, "INT16", (2, 2)), (8, "INT16", (-2, -2)), (8, "BYTES", (8,)), (8, "FP128", (1,)),
     (8, "INT8", (8,) + (1,) * MOST_AXES)],
)  # fmt: skip
def test_bytes_that_are_not_that_array_are_refused(length, datatype, shape):
    with pytest.raises(InvalidInput, match="^image: expected "):
        from_bytes("image", memoryview(bytes(length)), datatype, shape)


def test_a_stated_shape_must_hold_the_numbers():
    assert shaped("image", np.arange(6), "INT16", (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    for shape in ((7,), (-2, -3), (2**40, 2**40)):
        with pytest.raises(InvalidInput, match="^image: expected "):
            shaped("image", np.arange(6), "INT16", shape)


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["int8", "uint8", "int16", "int32", "int64"]))
def test_integers_keep_their_value_or_are_refused(value, dtype):
    array, limits = np.array([value]), np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        assert cast("image", array, dtype).tolist() == [value]
    else:
        with pytest.raises(InvalidInput, match=f"in the range of {dtype}"):
            cast("image", array, dtype)


@pytest.mark.parametrize("array, dtype", [([1.0], "int16"), ([True], "float32"), ([1], "bool"), (["1"], "float32")])
def test_kinds_of_numbers_are_not_mixed(array, dtype):
    with pytest.raises(InvalidInput, match="^image: expected"):
        cast("image", np.array(array), dtype)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(InvalidInput, match="expected finite numbers in the range of float32"):
        cast("image", np.array([0, value]), "float32")


def test_inputs_that_fit_pass_in_the_type_of_the_signature():
    checked = check_inputs(SPECS, {"image": IMAGE.astype(np.int16), "spacing": SPACING.astype(np.float64)}, MOST)
    assert {name: (array.dtype, array.shape) for name, array in checked.items()} == {
        "image": (np.float32, IMAGE.shape),
        "spacing": (np.float32, SPACING.shape),
    }


@pytest.mark.parametrize(
    "inputs, reason",
    [
        ({"image": IMAGE}, "expected the inputs image, spacing. Received image"),
        ({"image": IMAGE, "spacing": SPACING, "x" * 99: IMAGE}, "Received image, spacing, x{20}.$"),
        ({"image": IMAGE[0], "spacing": SPACING}, r"image: expected the shape \(n, n, n, 1\), not empty. Received"),
        ({"image": IMAGE[:, :, :0], "spacing": SPACING}, "not empty"),
        ({"image": np.zeros((2, 3, 4, 3)), "spacing": SPACING}, r"Received \(2, 3, 4, 3\)"),
        ({"image": np.zeros((2, 30, 40, 1)), "spacing": SPACING}, r"at most 1000 numbers \(--max_pixels\). .* 2400"),
        ({"image": IMAGE, "spacing": 0 * SPACING}, "spacing: expected the size of a pixel in mm, above 0"),
        ({"image": IMAGE, "spacing": -SPACING}, "above 0"),
        ({"image": IMAGE, "spacing": 1e-60 * SPACING.astype(np.float64)}, "above 0"),
        ({"image": IMAGE, "spacing": np.nan * SPACING}, "spacing: expected finite numbers"),
        ({"image": IMAGE, "spacing": SPACING[:1]}, "as many of each input as slices. Received {'image': 2, 'spacing'"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_the_reason(inputs, reason):
    with pytest.raises(InvalidInput, match=reason):
        check_inputs(SPECS, inputs, MOST)


def test_many_times_of_a_large_image_are_too_large():
    specs = SPECS | {"times": SimpleNamespace(shape=(None,), dtype=np.float32)}
    inputs = {"image": IMAGE, "spacing": SPACING, "times": np.zeros(MOST // IMAGE.size)}
    assert check_inputs(specs, inputs, MOST).keys() == specs.keys()
    with pytest.raises(TooLarge, match="phi at all times: expected at most 1000"):
        check_inputs(specs, inputs | {"times": np.zeros(MOST // IMAGE.size + 1)}, MOST)


def test_a_contour_to_start_from_lies_on_the_image():
    specs = SPECS | {"phi_0": SPECS["image"]}
    inputs = {"image": IMAGE, "spacing": SPACING, "phi_0": IMAGE}
    assert check_inputs(specs, inputs, MOST).keys() == specs.keys()
    with pytest.raises(InvalidInput, match="phi_0: expected the shape of image"):
        check_inputs(specs, inputs | {"phi_0": IMAGE[:, :2]}, MOST)
