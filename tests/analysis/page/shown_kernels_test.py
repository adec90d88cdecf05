"""What the script of the page is given are the kernels and rows of the tables, rounded."""

import json

import numpy as np
import pytest

from lsn_tf.analysis.page.shown_kernels import shown_kernels
from lsn_tf.analysis.planes import plane_of


@pytest.mark.parametrize("most_shown", [1000, 10])
def test_kernels_and_rows_are_those_of_the_analysis(most_shown, make_findings, rng):
    kernels = rng.normal(size=(25, 3, 3)).astype(np.float32)
    kernels[4] = 0
    findings = make_findings({"conv": kernels}, most_shown=most_shown)
    shown = json.loads(json.dumps(shown_kernels(findings), allow_nan=False))
    (layer,) = shown["layers"]
    count = min(25, most_shown)
    np.testing.assert_allclose(np.reshape(layer["weights"], (count, 3, 3)), kernels[:count], rtol=6e-4)
    columns = findings.samples["conv"].columns
    for name in ("nearest", "operator"):
        assert [shown["texts"][number] for number in layer[name]] == columns[name].tolist()
    assert layer["cluster"] == [int(text or -1) for text in columns["cluster"]] and layer["cluster"][4] == -1
    assert layer["output"] == list(range(count)) and layer["kernels"] == 25 and layer["dead"] == [4]
    places = plane_of(kernels[np.arange(25) != 4]).points(kernels)
    assert layer["plane"]["places"][4] is None
    np.testing.assert_allclose(layer["plane"]["places"][5], places[5], rtol=1e-3, atol=1e-6)


def test_a_layer_of_one_kernel_has_no_plane(make_findings):
    (layer,) = shown_kernels(make_findings({"single": np.ones((1, 3, 3))}))["layers"]
    assert layer["plane"] is None and layer["weights"] == [1.0] * 9
