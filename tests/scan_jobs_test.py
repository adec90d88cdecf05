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
    with pytest.raises(ValueError, match="expected at least one scan, .* Received ct-phi.nii.gz, which predict has written"):
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
