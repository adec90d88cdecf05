"""Which files are a scan is decided before anything is read, and never in two ways."""

import pytest

from .scan_files import find_scans


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(folder):
    return [(s.volume_id, s.image.relative_to(folder).as_posix(), s.label.name) for s in find_scans(folder)]


def test_both_batches_of_lits_are_one_data_set_in_order_of_number(tmp_path):
    first, second = "media/nas/Training Batch 1", "media/nas/Training Batch 2"
    touch(tmp_path, *(f"{first}/{name}-{n}.nii" for n in (0, 9, 10) for name in ("volume", "segmentation")))
    touch(tmp_path, *(f"{second}/{name}-100.nii.gz" for name in ("volume", "segmentation")))
    assert found(tmp_path) == [
        (0, f"{first}/volume-0.nii", "segmentation-0.nii"),
        (9, f"{first}/volume-9.nii", "segmentation-9.nii"),
        (10, f"{first}/volume-10.nii", "segmentation-10.nii"),
        (100, f"{second}/volume-100.nii.gz", "segmentation-100.nii.gz"),
    ]


def test_images_and_labels_may_lie_in_folders_of_their_own_and_be_compressed_or_not(tmp_path):
    touch(tmp_path, "ct/volume-3.nii", "masks/segmentation-3.nii.gz")
    assert found(tmp_path) == [(3, "ct/volume-3.nii", "segmentation-3.nii.gz")]


@pytest.mark.parametrize("root", ["", "Task03_Liver/"])
def test_the_decathlon_is_read_without_its_side_files_and_test_scans(tmp_path, root):
    touch(tmp_path, *(f"{root}{folder}/{p}liver_4.nii.gz" for folder in ("imagesTr", "labelsTr") for p in ("", "._")))
    touch(tmp_path, f"{root}imagesTs/liver_5.nii.gz", f"{root}dataset.json", "__MACOSX/imagesTr/liver_4.nii.gz")
    assert found(tmp_path) == [(4, f"{root}imagesTr/liver_4.nii.gz", "liver_4.nii.gz")]


def test_other_files_and_test_scans_are_passed_over(tmp_path):
    touch(tmp_path, "volume-1.nii", "segmentation-1.nii", "test-volume-2.nii", "volume-1.nii.md5", "index.csv")
    touch(tmp_path, ".trash/volume-1.nii", "old-volume-3.nii", "volume-x.nii")
    assert found(tmp_path) == [(1, "volume-1.nii", "segmentation-1.nii")]


@pytest.mark.parametrize("twin", ["volume-1.nii.gz", "copy/volume-1.nii", "volume-01.nii"])
def test_a_number_that_occurs_twice_is_refused(tmp_path, twin):
    touch(tmp_path, "volume-1.nii", "segmentation-1.nii", twin)
    with pytest.raises(ValueError, match="each scan once. Received .*volume-.*volume-.*Move one") as error:
        find_scans(tmp_path)
    assert str(tmp_path / twin) in str(error.value)


def test_both_layouts_at_once_are_refused(tmp_path):
    touch(tmp_path, "volume-1.nii", "segmentation-1.nii", "imagesTr/liver_1.nii.gz", "labelsTr/liver_1.nii.gz")
    with pytest.raises(ValueError, match="Received both"):
        find_scans(tmp_path)


@pytest.mark.parametrize("alone", ["segmentation-2.nii", "volume-2.nii"])
def test_a_missing_partner_is_named(tmp_path, alone):
    touch(tmp_path, "volume-1.nii", "segmentation-1.nii", alone)
    with pytest.raises(ValueError, match=f"{alone}. Complete the download"):
        find_scans(tmp_path)


def test_of_many_missing_partners_a_few_are_named(tmp_path):
    touch(tmp_path, *(f"volume-{n}.nii" for n in range(9)))
    with pytest.raises(ValueError, match="9 images without a label and 0 labels .*volume-2.nii and 6 more"):
        find_scans(tmp_path)


@pytest.mark.parametrize(
    "names, received", [((), "no files"), (("a.txt", "b/c.png"), "2 other files: .*a.txt, .*c.png")]
)
def test_a_wrong_folder_is_told_the_layouts_and_what_it_holds(tmp_path, names, received):
    touch(tmp_path, *names)
    with pytest.raises(ValueError, match=rf"volume-N.* or .*imagesTr/liver_N.*Received {received}\. Pass --manual_dir"):
        find_scans(tmp_path)


def test_messages_have_one_line(tmp_path):
    with pytest.raises(ValueError) as error:
        find_scans(tmp_path)
    assert "\n" not in str(error.value)
