"""From a scan and a seed point to a mask that lies on the scan: the command, and what it says when it cannot."""

import csv
import dataclasses
import json
import re
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from absl import flags
from nibabel.affines import apply_affine
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from scipy.spatial.transform import Rotation

from lsn_tf import common_flags, solve
from lsn_tf.data.volumes import read_scan
from lsn_tf.metrics import dice
from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solve import NEVER, Config, solve_scan
from lsn_tf.solver.seeded_contour import Parameters
from lsn_tf.solver.stopping import Stopping

SHAPE, SPACING = (10, 32, 30), (3.0, 1.6, 1.9)  # (slices, height, width), mm
CENTRE = (15.0, 22.4, 30.4)  # of the organ, mm from the first pixel; a voxel's centre
CANONICAL = tuple(round(c / h) for c, h in zip(CENTRE, SPACING, strict=True))
ORGAN = ball(SHAPE, SPACING, CENTRE, 12.0) < 0
QUICK = Parameters(seconds=25.0, seed_radius=5.0, sigma=0.75, width=40.0)
AFFINE = np.array([[-1.9, 0, 0, 40], [0, -1.6, 0, 70], [0, 0, 3.0, -130], [0, 0, 0, 1]])
AFFINE[:3] = Rotation.from_euler("xyz", [8, -11, 5], degrees=True).as_matrix() @ AFFINE[:3]
CENTRE_MM = tuple(apply_affine(AFFINE, CANONICAL[::-1]).tolist())


def write(folder, image, code="LPS", affine=AFFINE, name="scan.nii.gz"):
    """Stores a canonical (slices, height, width) array, its axes in the order and direction of the code."""
    stored = nibabel.Nifti1Image(np.rint(image).astype(np.int16).transpose(2, 1, 0), affine)
    stored = stored.as_reoriented(ornt_transform(io_orientation(affine), axcodes2ornt(code)))
    nibabel.save(stored, folder / name)
    return str(folder / name)


def image():
    """A ball of 110 HU in 0 HU, with noise."""
    return np.where(ORGAN, 110, 0) + 4 * np.random.default_rng(1).normal(size=SHAPE)


@pytest.fixture
def scan(tmp_path):
    return write(tmp_path, image(), "SRP")


def run(scan, output, **changes):
    """Solves with a seed point in the middle of the organ, unless another start is given."""
    starts = {"seed_mm", "seed_voxel", "circle_mm", "box_mm", "initial"} & changes.keys()
    seed = {} if starts else {"seed_mm": (CENTRE_MM,)}
    return solve_scan(Config(input=scan, output=str(output), **{"parameters": QUICK, **seed, **changes}))


def mask_of(path):
    return read_scan(path).image > 0


@pytest.mark.parametrize("code", ["LPS", "RAI", "SLA", "PIR"])
def test_a_seed_in_mm_and_the_same_voxel_give_the_organ_on_the_grid_of_the_input(code, tmp_path):
    scan = write(tmp_path, image(), code)
    results = run(scan, tmp_path / "mm.nii.gz")
    stored, mask = nibabel.load(scan), nibabel.load(tmp_path / "mm.nii.gz")
    voxel = tuple(apply_affine(np.linalg.inv(stored.affine), CENTRE_MM))
    again = run(scan, tmp_path / "voxel.nii", seed_voxel=(voxel,))
    assert (again["millilitres"], again["seeds_mm"]) == (results["millilitres"], results["seeds_mm"])
    np.testing.assert_array_equal(nibabel.load(tmp_path / "voxel.nii").dataobj, mask.dataobj)
    np.testing.assert_array_equal(mask.affine, stored.affine)
    assert mask.shape == stored.shape and mask.get_data_dtype() == np.uint8
    assert dice(mask_of(tmp_path / "mm.nii.gz"), ORGAN) > 0.93
    assert results["seeds_mm"] == [pytest.approx(CENTRE_MM, abs=0.01)] and results["dimension"] == 3
    assert results["millilitres"] == pytest.approx(np.asarray(mask.dataobj).sum() * 3.0 * 1.6 * 1.9 / 1000, abs=0.01)


def test_slices_that_are_marked_are_solved_one_by_one_and_the_others_stay_empty(scan, tmp_path):
    seeds = tuple(tuple(apply_affine(AFFINE, (*CANONICAL[:0:-1], k))) for k in (4, 6))
    results = run(scan, tmp_path / "mask.nii", seed_mm=seeds, dimension=2, phi=str(tmp_path / "phi.nii"))
    mask, phi = mask_of(tmp_path / "mask.nii"), nibabel.load(tmp_path / "phi.nii")
    assert list(np.flatnonzero(mask.any(axis=(1, 2)))) == [4, 6]
    assert all(dice(mask[k], ORGAN[k]) > 0.93 for k in (4, 6))
    assert results["dimension"] == 2 and sum(results["stopped"].values()) == 2
    assert phi.get_data_dtype() == np.float32
    np.testing.assert_array_equal(inside(np.asarray(phi.dataobj)), nibabel.load(tmp_path / "mask.nii").dataobj)


@pytest.mark.parametrize("dimension", [0, 3])
def test_one_slice_is_a_picture_unless_it_is_to_be_a_volume(dimension, tmp_path):
    scan = write(tmp_path, image()[5:6])
    results = run(scan, tmp_path / "mask.nii", seed_voxel=((*CANONICAL[:0:-1], 0),), dimension=dimension)
    assert dice(mask_of(tmp_path / "mask.nii")[0], ORGAN[5]) > 0.93
    assert results["dimension"] == (dimension or 2)


@pytest.mark.parametrize("kind", ["circle_mm", "box_mm", "initial"])
def test_other_starts_find_the_organ_too(kind, scan, tmp_path):
    corners = [
        tuple(apply_affine(AFFINE, np.add(CANONICAL[::-1], (side * 3, side * 3, -side * 2)))) for side in (1, -1)
    ]
    starts = {"circle_mm": ((*CENTRE_MM, 6.0),), "box_mm": ((*corners[0], *corners[1]),)}
    starts["initial"] = write(tmp_path, ball(SHAPE, SPACING, CENTRE, 7.0) < 0, "LAS", name="initial.nii")
    run(scan, tmp_path / "mask.nii", **{kind: starts[kind]})
    assert dice(mask_of(tmp_path / "mask.nii"), ORGAN) > 0.93


def test_the_front_that_marched_ahead_ends_in_the_same_organ(scan, tmp_path):
    times = str(tmp_path / "times.nii.gz")
    run(scan, tmp_path / "mask.nii", marching_seconds=5.0, arrival_time=times)
    assert dice(mask_of(tmp_path / "mask.nii"), ORGAN) > 0.93
    arrival = nibabel.load(times).get_fdata()
    seeded = inside(ball(SHAPE, SPACING, CENTRE, QUICK.seed_radius))
    assert (arrival == 0).sum() == seeded.sum() and arrival.min() == NEVER
    assert (arrival >= 0).sum() > 0.8 * ORGAN.sum()


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_trajectory_is_kept_with_its_film(dimension, scan, tmp_path):
    folder = tmp_path / "trajectory"
    stopping = Stopping(max_steps=100_000, check_every=5)
    run(scan, tmp_path / "mask.nii", trajectory=str(folder), dimension=dimension, stopping=stopping)
    with (folder / "trajectory.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["steps", "seconds", "millilitres", "rms_mm", "max_mm"]
    assert len(rows) > 3 and float(rows[0]["millilitres"]) < float(rows[-1]["millilitres"])
    names = [f"phi-{n:03}.nii.gz" for n in range(len(rows))]
    assert sorted(path.name for path in folder.iterdir()) == ["evolution.gif", *names, "trajectory.csv"]
    last = nibabel.load(folder / names[-1])
    np.testing.assert_array_equal(last.affine, nibabel.load(scan).affine)
    np.testing.assert_array_equal(inside(last.get_fdata()), nibabel.load(tmp_path / "mask.nii").get_fdata())


def test_a_trajectory_ends_where_the_solver_ends_even_between_two_frames(scan, tmp_path):
    options = {
        "stopping": Stopping(max_steps=4, check_every=2),
        "parameters": dataclasses.replace(QUICK, seconds=250.0),
    }
    results = run(scan, tmp_path / "mask.nii", trajectory=str(tmp_path / "trajectory"), **options)
    with (tmp_path / "trajectory" / "trajectory.csv").open() as file:
        assert [int(row["steps"]) for row in csv.DictReader(file)] == [0, results["steps"]] == [0, 4]


def test_without_a_start_a_place_that_looks_like_a_liver_is_taken(tmp_path):
    body = np.full((1, 80, 80), -1000.0)
    body[:, 8:72, 8:72] = 40
    body[:, 20:44, 14:34] = 120
    scan = write(tmp_path, body, affine=np.diag([-3.0, -3.0, 5.0, 1.0]))
    results = solve_scan(
        Config(input=scan, output=str(tmp_path / "mask.nii"), parameters=dataclasses.replace(QUICK, seconds=40.0))
    )
    assert dice(mask_of(tmp_path / "mask.nii"), body == 120) > 0.9
    assert "only guessed" in results["warnings"][-1] and str(results["seeds_mm"]) in results["warnings"][-1]


def guessed(folder):
    return write(folder, image(), affine=np.diag([-1.0, -1.0, 1.0, 1.0]), name="guessed.nii")


REFUSED = {
    "missing file": ({"input": "no.nii"}, "no.nii"),
    "no scan": ({"input": "text.nii"}, "text.nii"),
    "a point outside": ({"seed_mm": ((500.0, 0.0, 0.0),)}, "must lie in the scan, which reaches over x .*500"),
    "a voxel outside": ({"seed_voxel": ((-1.0, 0.0, 0.0),)}, "must lie in the scan.*voxel"),
    "an output that exists": ({"output": "old.nii"}, "--output must be a new file. .*old.nii exists"),
    "a phi that exists": ({"phi": "old.nii"}, "--phi must be a new file"),
    "the input as output": ({"output": "scan.nii.gz", "overwrite": True}, "--output must not be the input"),
    "one file twice": ({"phi": "mask.nii"}, "--output, --phi must be different files"),
    "another suffix": ({"output": "mask.png"}, "--output must end in .nii or .nii.gz. Received .*mask.png"),
    "another suffix of phi": ({"phi": "phi"}, "--phi must end in"),
    "a folder in use": ({"trajectory": "."}, "--trajectory must be a new or empty folder"),
    "a file as folder": ({"trajectory": "old.nii", "overwrite": True}, "--trajectory must be a new or empty folder"),
    "a mask of another grid": ({"initial": "small.nii"}, "small.nii: expected the shape"),
    "an empty mask": ({"initial": "empty.nii"}, "mask must have a voxel inside"),
    "an empty mask, slices": ({"initial": "empty.nii", "dimension": 2}, "mask must have a voxel inside"),
    "a flat box": ({"box_mm": ((*CENTRE_MM, *CENTRE_MM),)}, "must be below upper_mm"),
    "a circle between voxels": ({"circle_mm": ((*CENTRE_MM, -1.0),)}, "too small for pixels"),
    "no time left": ({"marching_seconds": 25.0}, "marching_seconds must be below seconds"),
    "mm without geometry": ({"input": "guessed.nii"}, "knows no geometry.* Give --seed_voxel"),
    "no liver": ({"seed_mm": (), "input": "empty.nii"}, "Give a seed point by hand"),
    "no liver in slices": ({"seed_mm": (), "input": "empty.nii", "dimension": 2}, "Give a seed point by hand"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(changes, message, scan, tmp_path):
    (tmp_path / "text.nii").write_text("no scan")
    (tmp_path / "old.nii").write_bytes(b"old")
    guessed(tmp_path)
    write(tmp_path, np.ones((2, 3, 4)), name="small.nii")
    write(tmp_path, np.zeros(SHAPE), name="empty.nii")
    names = {"input", "output", "phi", "initial", "trajectory"}
    changes = {name: str(tmp_path / value) if name in names else value for name, value in changes.items()}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises((ValueError, OSError), match=message):
        run(changes.pop("input", scan), changes.pop("output", tmp_path / "mask.nii"), **changes)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_old_mask_is_replaced_if_that_is_wanted(scan, tmp_path):
    (tmp_path / "mask.nii").write_bytes(b"old")
    run(scan, tmp_path / "mask.nii", overwrite=True)
    assert mask_of(tmp_path / "mask.nii").any()


def test_a_voxel_is_a_start_where_the_file_knows_no_geometry(tmp_path):
    results = run(guessed(tmp_path), tmp_path / "mask.nii", seed_voxel=(CANONICAL[::-1],), dimension=2)
    assert mask_of(tmp_path / "mask.nii").any()
    assert any("knows no pixel size" in warning for warning in results["warnings"])


def test_a_start_where_nothing_looks_alike_collapses_and_nothing_is_written(tmp_path):
    """Half of the ball is bone and half is air: there is no intensity that is like its inside."""
    stripes = np.where(np.indices(SHAPE)[2] // 4 % 2, 1500, -1000)
    scan = write(tmp_path, stripes)
    options = {"phi": str(tmp_path / "phi.nii"), "trajectory": str(tmp_path / "trajectory")}
    parameters = dataclasses.replace(QUICK, width=20.0, spread=0.0)
    with pytest.raises(RuntimeError, match="the front has collapsed.*Give another seed point"):
        run(scan, tmp_path / "mask.nii", parameters=parameters, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nii.gz"]


def test_a_front_that_leaks_is_reported(tmp_path, caplog):
    scan = write(tmp_path, np.full(SHAPE, 100))
    results = run(scan, tmp_path / "mask.nii", parameters=dataclasses.replace(QUICK, seconds=60.0))
    assert results["stopped"] == {"leaked": 1}
    assert len(results["warnings"]) == 1 and results["warnings"][0] in caplog.text
    assert "has leaked" in results["warnings"][0]


KEYS = {
    "output", "millilitres", "stopped", "steps", "equation_seconds", "last_motion_rms_mm", "last_motion_max_mm",
    "check_every", "warnings", "seeds_mm", "dimension", "spacing_mm", "parameters", "seconds"
}  # fmt: skip


def command(*arguments):
    """Runs the command in a process of its own."""
    line = [sys.executable, "-m", "lsn_tf.solve", "--quiet", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_command_writes_a_mask_and_ends_with_one_json_object(scan, tmp_path):
    (tmp_path / "parameters.json").write_text(json.dumps({**dataclasses.asdict(QUICK), "curvature": 0.3}))
    seed = ",".join(f"{x:.3f}" for x in CENTRE_MM)
    process = command(
        f"--input={scan}", f"--output={tmp_path / 'mask.nii'}", f"--seed_mm={seed}", "--json",
        f"--parameters={tmp_path / 'parameters.json'}", "--width=39",
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    results = json.loads(process.stdout.splitlines()[-1])
    assert set(results) == KEYS
    assert results["parameters"] == {**dataclasses.asdict(QUICK), "curvature": 0.3, "width": 39.0}
    assert dice(mask_of(tmp_path / "mask.nii"), ORGAN) > 0.93


@pytest.fixture
def usage(monkeypatch):
    """Runs the command's main in this process and returns its exit code and the last line of standard error."""

    def ended(capsys, *arguments):
        own = flags.FlagValues()
        monkeypatch.setattr(flags, "FLAGS", own)
        monkeypatch.setattr(common_flags, "FLAGS", own)
        for kind in ("string", "multi_string", "enum", "integer", "float", "bool"):
            define = getattr(flags, f"DEFINE_{kind}")
            monkeypatch.setattr(
                flags, f"DEFINE_{kind}", lambda *a, _define=define, **k: _define(*a, flag_values=own, **k)
            )
        monkeypatch.setattr(sys, "argv", ["solve.py", *map(str, arguments)])
        monkeypatch.setattr(common_flags, "_configure_logging", lambda quiet: None)  # it would outlast this test
        with pytest.raises(SystemExit) as ended:
            common_flags.run_command(solve.main, solve.define_flags, solve.__doc__, solve.print_results)
        error = capsys.readouterr().err
        assert "Traceback" not in error
        return ended.value.code, error.splitlines()[-1]

    return ended


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--input and --output must be given"),
        (("--input=x.nii",), "--input and --output must be given"),
        (("--input=x.nii", "--output=y.nii"), "x.nii"),
        (("--seed_mm=1,2",), "--seed_mm must be 3 numbers with commas between. Received '1,2'"),
        (("--seed_mm=1,2,x",), "--seed_mm must be 3 numbers"),
        (("--seed_mm=1,2,nan",), "--seed_mm must be 3 numbers"),
        (("--seed_voxel=1",), "--seed_voxel must be 3 numbers"),
        (("--circle_mm=1,2,3",), "--circle_mm must be 4 numbers"),
        (("--box_mm=1,2,3",), "--box_mm must be 6 numbers"),
        (("--parameters=unknown.json",), "must be a JSON object with numbers for some of .*colour"),
        (("--parameters=text.json",), "text.json must be a JSON object"),
        (("--parameters=list.json",), "list.json must be a JSON object"),
        (("--parameters=words.json",), "words.json must be a JSON object"),
        (("--parameters=missing.json",), "missing.json"),
        (("--width=-3",), "width must be positive. Received width=-3.0"),
        (("--curvature=9",), "curvature must be below propagation"),
        (("--steady_mm=-1",), "must not be negative"),
        (("--seconds=wide",), "seconds"),
        (("--dimension=4",), "dimension"),
        (("--colour=red",), "colour"),
        (("scan.nii",), "expected flags only"),
    ],
)
def test_bad_usage_is_one_clear_line_and_exit_code_2(arguments, message, usage, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = {"unknown": '{"colour": 1}', "text": "{", "list": "[1]", "words": '{"width": "wide"}'}
    for name, text in texts.items():
        (tmp_path / f"{name}.json").write_text(text)
    given = () if not arguments or arguments[0].startswith("--input") else ("--input=x.nii", "--output=y.nii")
    code, line = usage(capsys, *given, *arguments)
    assert code == 2
    assert re.search(message, line), line


def test_a_collapse_is_exit_code_1(usage, capsys, tmp_path):
    scan = write(tmp_path, np.where(np.indices(SHAPE)[2] // 4 % 2, 1500, -1000))
    voxel = ",".join(map(str, CANONICAL[::-1]))
    options = ("--width=20", "--spread=0", "--seconds=25", "--seed_radius=5", "--sigma=0.75")
    arguments = (f"--input={scan}", f"--output={tmp_path / 'mask.nii'}", f"--seed_voxel={voxel}", *options)
    code, line = usage(capsys, *arguments)
    assert code == 1 and "the front has collapsed" in line
    assert not (tmp_path / "mask.nii").exists()
