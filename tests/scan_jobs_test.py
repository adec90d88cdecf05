"""Every scan is found once, results are no scans, and nothing of somebody else's is replaced."""

import json

import pytest

from lsn_tf.scan_jobs import plan, scans_in

REPORT = {"input": "ct.nii", "files": {"mask": "ct-mask.nii.gz"}, "settings": {}}


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def names_of(jobs):
    return [job.scan.name for job in jobs]


def test_a_folder_is_its_nifti_files_and_else_a_series(tmp_path):
    touch(tmp_path, "b.nii.gz", "a.nii", "c.NII.GZ", "notes.txt")
    assert [path.name for path in scans_in(str(tmp_path))] == ["a.nii", "b.nii.gz", "c.NII.GZ"]
    (tmp_path / "series").mkdir()
    assert scans_in(str(tmp_path / "series")) == [tmp_path / "series"]


@pytest.mark.parametrize("result", ["ct-mask.nii.gz", "ct-phi.nii.gz", "ct-probability.nii.gz", "ct-seg.dcm"])
def test_what_is_called_a_result_beside_the_scan_of_its_name_is_no_scan(tmp_path, result):
    touch(tmp_path, result, "other-ct.nii")
    assert len(plan([str(tmp_path / "*")], f"{tmp_path}/out")) == 2
    touch(tmp_path, "ct.nii.gz")
    assert names_of(plan([str(tmp_path / "*")], f"{tmp_path}/out")) == ["ct.nii.gz", "other-ct.nii"]


def test_what_lies_beside_its_report_is_no_scan(tmp_path):
    touch(tmp_path, "ct-mask.nii.gz", "ct-phi.nii.gz", "other.nii")
    (tmp_path / "ct.json").write_text(json.dumps(REPORT))
    assert names_of(plan([str(tmp_path)], f"{tmp_path}/out")) == ["other.nii"]


def test_results_alone_are_refused_as_such(tmp_path):
    touch(tmp_path, "ct.nii", "ct-phi.nii.gz")
    with pytest.raises(ValueError, match="expected at least one scan, .* Received ct-phi.nii.gz, which predict"):
        plan([str(tmp_path / "ct-*")], f"{tmp_path}/out")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "content", ['{"Modality": "CT"}', "[1, 2]", "no JSON", "\udcff", '{"settings": 1, "files": []}']
)
def test_a_foreign_file_in_the_place_of_the_report_is_named_and_kept(tmp_path, content, overwrite):
    touch(tmp_path, "ct.nii.gz")
    (tmp_path / "ct.json").write_text(content, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"ct.json: expected no file, or a report of predict. Received another file"):
        plan([str(tmp_path / "ct.nii.gz")], str(tmp_path), overwrite=overwrite)
    assert (tmp_path / "ct.json").read_text(errors="surrogateescape") == content


@pytest.mark.parametrize("name", ["liver.mha", "liver.seg.dcm", "liver.nrrd", "liver.gz", "liver.nii.zip"])
def test_an_output_of_one_scan_with_an_ending_that_is_not_written_is_refused(tmp_path, name):
    touch(tmp_path, "ct.nii")
    with pytest.raises(
        ValueError, match=rf"{name}: expected a mask's file, .nii or .nii.gz, or a folder, NAME or NAME/"
    ):
        plan([str(tmp_path / "ct.nii")], str(tmp_path / name))


@pytest.mark.parametrize("name", ["liver.nii", "liver.nii.gz", "liver.NII.GZ", "liver.Nii"])
def test_an_output_with_an_ending_of_nifti_is_a_file_in_capitals_or_not(tmp_path, name):
    touch(tmp_path, "ct.nii")
    (job,) = plan([str(tmp_path / "ct.nii")], str(tmp_path / name), save=["phi"])
    assert job.files == {"mask": tmp_path / name, "phi": tmp_path / "liver-phi.nii.gz"} and job.report is None


@pytest.mark.parametrize("name", ["out", "out.v2/", "there.v2", "there.nii", ".hidden", "slices-1.5mm"])
def test_other_names_are_folders(tmp_path, name):
    touch(tmp_path, "ct.nii")
    for folder in ("there.v2", "there.nii"):
        (tmp_path / folder).mkdir()
    (job,) = plan([str(tmp_path / "ct.nii")], f"{tmp_path}/{name}")
    assert job.files["mask"] == tmp_path / name / "ct-mask.nii.gz"


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    touch(tmp_path, "ct.nii", "out")
    with pytest.raises(ValueError, match="out: expected a folder. Received a file"):
        plan([str(tmp_path / "ct.nii")], f"{tmp_path}/out")
