"""A click changes the mask as the solver would, whatever is saved lies on the scan, and what is wrong is said."""

import itertools

import nibabel
import numpy as np
import pytest
import SimpleITK
from dicom_files import ct_slices, write_slices
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import from_matvec
from scipy.spatial.transform import Rotation
from viewed_scan import CENTRE, RADIUS_MM, REST_MM, STORED, THRESHOLD_HU, bright, disc, write

from lsn_tf.metrics import dice
from lsn_tf.solve import Config, solve_scan
from lsn_tf.viewer import depths
from lsn_tf.viewer.session import Missing
from lsn_tf.viewer.sources import Sources, open_session

SEED = {"layer": "yours", "equation": "lse", "points": [[*CENTRE, 2]], "parameters": {"seconds": 20}}
CODES = ["".join(code) for axes in itertools.permutations(["RL", "AP", "SI"]) for code in itertools.product(*axes)]


def evolved(session, **request):
    session.evolve({**SEED, **request})
    session.wait()
    return session.layers[request.get("layer", "yours")].mask


def rests_at_the_border(mask):
    return not (mask & ~disc(RADIUS_MM)).any() and mask[np.broadcast_to(disc(REST_MM)[0], mask.shape)].all()


def test_a_click_segments_the_cylinder_in_its_slice_alone(session, cylinder):
    mask = evolved(session)
    assert rests_at_the_border(mask[2]) and not np.delete(mask, 2, axis=0).any()
    state = session.state()
    assert state["layers"][0]["dice_per_slice"][2] == pytest.approx(dice(cylinder[2], mask[2]), abs=1e-4)
    assert state["evolution"]["reason"] == "time is up" and state["evolution"]["slices"] == [2, 3]
    assert state["evolution"]["seconds"][-1] == pytest.approx(20)


def test_a_click_gives_what_the_command_solve_gives(session, sources, tmp_path):
    mask = evolved(session, parameters={})
    seed = ((*CENTRE, 2),)
    solve_scan(Config(sources.scan, str(tmp_path / "mask.nii"), seed_voxel=seed, dimension=2))
    written = np.asarray(nibabel.load(tmp_path / "mask.nii").dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(mask, written > 0)


@pytest.mark.slow
def test_in_space_a_click_reaches_all_slices(session):
    mask = evolved(session, space=True, parameters={"seconds": 30})
    assert rests_at_the_border(mask)


def test_warming_up_changes_nothing(session):
    before = session.state()
    session.warm_up()
    session.wait()
    assert session.state() == before and session._running.exception() is None


def test_the_slider_goes_from_the_start_to_the_end(session):
    end = evolved(session).copy()
    number, count = session.evolution.number, len(session.evolution.frames.depths)
    volumes = []
    for frame in range(count):
        session.show(number, frame)
        mask = session.layers["yours"].mask
        np.testing.assert_array_equal(depths.is_inside(session.frame(number, frame)), mask[2:3])
        volumes.append(mask.sum())
    assert volumes[0] == pytest.approx(np.pi * 8**2 / (0.7 * 0.9), rel=0.05) and volumes == sorted(volumes)
    np.testing.assert_array_equal(session.layers["yours"].mask, end)


@pytest.mark.parametrize("combination", ["add", "remove"])
def test_a_front_is_added_or_taken_away(session, combination):
    session.segment("lsn")
    session.wait()
    before = session.layers["lsn"].mask.copy()
    outline = [[2, 2], [40, 2], [40, 20], [2, 20]]
    request = {"points": [], "outline": outline, "slice": 1, "layer": "lsn", "combination": combination}
    after = evolved(session, **request)
    session.show(session.evolution.number, 0)  # the outline as it was drawn
    drawn = np.zeros_like(before)
    drawn[1, 2:20, 2:40] = True
    wanted = before | drawn if combination == "add" else before & ~drawn
    np.testing.assert_array_equal(session.layers["lsn"].mask[:, 1:], wanted[:, 1:])
    np.testing.assert_array_equal(after[[0, 2, 3, 4]], before[[0, 2, 3, 4]])
    session.undo("lsn")
    np.testing.assert_array_equal(session.layers["lsn"].mask, before)


def test_without_marks_it_goes_on_from_the_contour(session):
    evolved(session, parameters={"seconds": 2})
    small = session.layers["yours"].mask.copy()
    mask = evolved(session, points=[], slice=2)
    assert not rests_at_the_border(small[2]) and rests_at_the_border(mask[2]) and mask[small].all()


def test_a_network_segments_all_slices_and_is_scored(session):
    session.segment("unet")
    session.wait()
    np.testing.assert_array_equal(session.layers["unet"].mask, session.image > THRESHOLD_HU)
    about = {layer["key"]: layer for layer in session.state()["layers"]}
    assert about["unet"]["ready"] and about["unet"]["dice"] == pytest.approx(1, abs=0.01)
    assert not about["lsn"]["ready"] and about["reference"]["dice"] == 1 and session.state()["jobs"] == []


def test_a_network_that_fails_is_told_of(sources):
    def fail(_):
        raise RuntimeError("no memory\nleft")

    broken = bright("unet")
    object.__setattr__(broken, "apply", fail)
    with open_session(sources, [broken]) as session:
        session.segment("unet")
        session.wait()
        assert session.state()["message"] == "U-Net: no memory left" and not session.layers["unet"].ready


def test_layers_of_one_name_are_kept_apart(sources):
    with open_session(sources, [bright("lsn"), bright("lsn:width=8"), bright("reference")]) as session:
        assert list(session.layers) == ["yours", "lsn", "lsn-2", "reference-2", "reference"]
        assert [layer.title for layer in session.layers.values()][:3] == ["Yours", "LSN", "LSN 2"]


@settings(deadline=None, max_examples=25)
@given(code=st.sampled_from(CODES), seed=st.integers(0, 999), suffix=st.sampled_from([".nii", ".nii.gz"]))
def test_what_is_saved_has_the_geometry_of_the_scan(tmp_path_factory, code, seed, suffix):
    folder, rng = tmp_path_factory.mktemp("scan"), np.random.default_rng(seed)
    turn = nibabel.orientations.inv_ornt_aff(nibabel.orientations.axcodes2ornt(code), (1, 1, 1))[:3, :3]
    tilt = Rotation.from_rotvec(rng.uniform(-0.2, 0.2, 3)).as_matrix()
    affine = from_matvec(tilt @ turn @ np.diag(rng.uniform(0.5, 5, 3)), rng.uniform(-200, 200, 3))
    stored = rng.choice([-1000, -100, 60, 90], rng.integers(3, 8, 3)).astype(np.int16)
    stored.flat[:2] = -1000, 90
    scan = write(folder / f"ct{suffix}", stored, affine)
    with open_session(Sources(scan)) as session:
        session.layers["yours"].change(slice(None), depths.of_mask(session.image > THRESHOLD_HU, (1.0, 1.0)))
        for what in ("mask", "phi", "probability"):
            session.write("yours", what, folder / f"{what}.nii.gz")
    given_, results = nibabel.load(scan), [nibabel.load(folder / f"{w}.nii.gz") for w in ("mask", "phi", "probability")]
    bright_voxels = stored > THRESHOLD_HU
    for result, is_inside in zip(results, (lambda v: v > 0, lambda v: v < 0, lambda v: v > 0.5), strict=True):
        np.testing.assert_array_equal(result.affine, given_.affine)
        np.testing.assert_array_equal(is_inside(np.asarray(result.dataobj)), bright_voxels)
    images = [SimpleITK.ReadImage(str(path)) for path in (scan, folder / "mask.nii.gz")]
    for geometry in ("GetSize", "GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(images[0], geometry)() == getattr(images[1], geometry)()


def test_a_dicom_series_is_shown_with_a_mask_and_saved_on_its_grid(tmp_path, cylinder):
    image = np.where(cylinder, 100, -120).astype(np.int16)
    write_slices(ct_slices(image), tmp_path / "series")
    with open_session(Sources(str(tmp_path / "series"))) as session:
        session.layers["yours"].change(slice(None), depths.of_mask(cylinder, (1.0, 1.0)))
        session.write("yours", "mask", tmp_path / "mask.nii.gz")
    with open_session(Sources(str(tmp_path / "series"), mask=str(tmp_path / "mask.nii.gz"))) as session:
        np.testing.assert_array_equal(session.image, image)
        np.testing.assert_array_equal(session.layers["mask"].mask, cylinder)


@pytest.mark.parametrize(
    "request_, error, words",
    [
        ({"layer": "nobody"}, Missing, "layer must be one of yours, lsn, unet, reference"),
        ({"layer": "reference"}, ValueError, "Reference stays as it is"),
        ({"equation": "unet"}, Missing, "equation must be one of lse"),
        ({"combination": "xor"}, ValueError, "combination must be one of new, add, remove"),
        ({"combination": ["add"]}, ValueError, "combination must be one of new, add, remove"),
        ({"points": []}, ValueError, "Yours has no contour here to start from"),
        ({"parameters": {"speed": 1}}, ValueError, "parameters must be some of"),
        ({"parameters": {"width": "a"}}, ValueError, "width must be a number"),
        ({"parameters": {"width": -1}}, ValueError, "width must be positive"),
        ({"parameters": []}, ValueError, "parameters must be some of"),
        ({"points": [[999, 0, 0]], "slice": 0}, ValueError, "marks must lie in the scan"),
    ],
)
def test_requests_that_make_no_sense_are_refused(session, request_, error, words):
    with pytest.raises(error, match=words):
        session.evolve({**SEED, **request_})
    assert not session.layers["yours"].can_undo


def test_there_is_nothing_to_undo_clear_or_show_where_nothing_was_done(session):
    for act, words in (
        (lambda: session.undo("yours"), "no change"),
        (lambda: session.clear("reference"), "stays as it is"),
        (lambda: session.segment("yours"), "is no network"),
    ):
        with pytest.raises(ValueError, match=words):
            act()
    with pytest.raises(Missing, match="evolution 1 is over"):
        session.show(1, 0)
    evolved(session)
    with pytest.raises(Missing, match="frame must be in"):
        session.frame(session.evolution.number, 99)
    session.clear("yours")
    assert not session.layers["yours"].mask.any()
    session.undo("yours")
    assert session.layers["yours"].mask.any()


def test_an_mr_scan_and_a_mask_of_another_scan_are_refused(sources, tmp_path):
    mr = write(tmp_path / "mr.nii", np.random.default_rng(0).integers(0, 2000, STORED).astype(np.int16), np.eye(4))
    with pytest.raises(ValueError, match="expected a CT scan in HU"), open_session(Sources(mr)):
        pass
    other = write(tmp_path / "other.nii", np.zeros((4, 4, 4), np.uint8), np.diag([1, 2, 3, 1.0]))
    beside = Sources(sources.scan, mask=other)
    with pytest.raises(ValueError, match="expected the shape of its image"), open_session(beside):
        pass
