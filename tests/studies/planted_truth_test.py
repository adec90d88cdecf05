"""Hidden stencils are found from every format as they were before, and a changed bit is noticed."""

import numpy as np
import pytest

from lsn_tf.analysis.templates import make_templates
from lsn_tf.studies import planted_truth
from lsn_tf.studies.saved_formats import FORMATS

TEMPLATES = make_templates()


@pytest.fixture(scope="module")
def recovery():
    return planted_truth.recover(TEMPLATES, (0.0, 0.3), each=2, random=10_000)


def test_every_format_gives_the_same_bits_and_the_same_curves(recovery):
    assert recovery.bit_equal == recovery.same == dict.fromkeys(FORMATS, True)
    assert min(recovery.bytes.values()) > 2 * 9 * 4 * 10_000


def test_without_noise_all_are_found_by_name_among_ten_thousand_from_every_format(recovery):
    clean, noisy = recovery.detections
    assert recovery.random >= 10_000 and recovery.planted == 2 * len(TEMPLATES.names)
    assert clean.named.min() == clean.average_precision == 1 and clean.precision[clean.thresholds >= 0.995].min() == 1
    assert noisy.named.max() < 1


def test_a_kernel_that_comes_back_changed_is_noticed(monkeypatch):
    def save_one_changed(kernels, folder):
        name, kernel = next(iter(kernels.items()))
        np.savez(folder / "same.npz", **kernels)
        np.savez(folder / "bit.npz", **kernels | {name: np.nextafter(kernel, np.float32(9))})
        np.savez(folder / "sign.npz", **kernels | {name: np.where(kernel > 1, -kernel, kernel)})
        np.savez(folder / "name.npz", **{f"other_{name}": kernel for name, kernel in kernels.items()})
        return {form: folder / f"{form}.npz" for form in ("same", "bit", "sign", "name")}

    monkeypatch.setattr(planted_truth, "save_chain", save_one_changed)
    found = planted_truth.recover(TEMPLATES, (0.0, 0.2), each=1, random=100)
    assert found.bit_equal == {"same": True, "bit": False, "sign": False, "name": False}
    assert found.same["same"] and not found.same["sign"] and not found.same["name"]
