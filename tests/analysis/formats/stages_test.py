import pytest

from lsn_tf.analysis.formats.stages import Operation, in_order, stages, stages_by_name


def convolution(name, *inputs, stride=1, refines=False):
    return Operation(name, inputs, stride, refines, convolves=True)


U = [
    Operation("image", ()),
    convolution("a", "image"),
    Operation("pool", ("a",), stride=2),
    convolution("b", "pool"),
    Operation("up", ("b",), refines=True),
    Operation("skip", ("up", "a")),
    convolution("c", "skip"),
]
STAGES_OF_U = {"a": "encoder", "b": "bottom", "c": "decoder"}


def test_a_u_has_three_stages():
    assert stages(U) == STAGES_OF_U


@pytest.mark.parametrize("order", [[6, 5, 4, 3, 2, 1, 0], [3, 0, 6, 2, 5, 1, 4]])
def test_operations_follow_their_inputs_in_whatever_order_they_come(order):
    assert [one.name for one in in_order([U[n] for n in order])] == [one.name for one in U]
    assert stages(in_order([U[n] for n in order])) == STAGES_OF_U


def test_operations_that_are_in_order_stay_so():
    parallel = [Operation("x", ()), convolution("b", "x"), convolution("a", "x"), Operation("sum", ("a", "b"))]
    assert in_order(parallel) == parallel


def test_a_cycle_keeps_its_order_at_the_end():
    loop = [Operation("a", ("b",)), Operation("b", ("a",)), Operation("c", ())]
    assert [one.name for one in in_order(loop)] == ["c", "a", "b"]


def test_a_convolution_that_strides_sees_the_finer_grid_and_one_that_refines_sees_the_coarser():
    chain = [convolution("down", stride=2), convolution("deep", "down"), convolution("up", "deep", refines=True)]
    assert stages(chain) == {"down": "encoder", "deep": "bottom", "up": "decoder"}


@pytest.mark.parametrize("missing", ["pool", "up"])
def test_a_network_that_does_not_go_down_and_up_shows_no_stage(missing):
    flat = [Operation(one.name, one.inputs, convolves=one.convolves) if one.name == missing else one for one in U]
    assert stages(flat) == {"a": "", "b": "", "c": ""}


def test_a_refinement_before_the_first_convolution_is_preprocessing():
    enlarged = [Operation("small", ()), Operation("image", ("small",), refines=True), *U[1:]]
    assert stages(enlarged) == STAGES_OF_U


def test_the_names_of_layers_tell_stages_only_together():
    assert stages_by_name(["encoder_0", "x", "Bottleneck", "up/decoder"]) == ["encoder", "", "bottom", "decoder"]
    assert stages_by_name(["block_1/bottleneck", "encoder"]) == ["", ""]
