"""False discoveries are controlled, and choices that there are not are refused."""

import numpy as np
import pytest

from lsn_tf.analysis.share_tests import ShareTest, check_choices, controlled


def of_p_value(p_value: float) -> ShareTest:
    numbers = {"share": 0, "interval": (0, 1), "chance": 0, "chance_high": 0}
    return ShareTest(layer="a", kernels=1, null="gaussian", p_value=float(p_value), **numbers)


def test_benjamini_and_hochberg_control_the_share_of_false_claims(rng):
    """A fifth of 200 claims is true, with p of the order of 1e-3: the mean share of false ones among those accepted."""
    for control, expected in (("bh", 0.05), ("by", 0.05 / np.sum(1 / np.arange(1, 201)))):
        false = []
        for _ in range(400):
            p_values = np.concatenate([rng.random(160), rng.random(40) * 2e-3])
            q_values = np.array([test.q_value for test in controlled(list(map(of_p_value, p_values)), control)])
            accepted = q_values <= 0.05
            false.append(accepted[:160].sum() / max(accepted.sum(), 1))
        assert np.mean(false) == pytest.approx(0.8 * expected, abs=0.006)


def test_one_test_needs_no_correction_and_none_gives_none():
    assert controlled([of_p_value(0.03)])[0].q_value == 0.03 and controlled([]) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"null": "uniform"}, "null must be one of"),
        ({"control": "bonferroni"}, "control must be one of"),
        ({"null": "untrained", "untrained": {"b": 0}}, r"none for \['a'\]"),
    ],
)
def test_wrong_choices_are_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        check_choices({"a": np.ones((2, 3, 3))}, **{"null": "gaussian", "untrained": None, "control": "bh"} | wrong)
