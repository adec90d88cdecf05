"""Writes dummy_data/, the smallest LiTS that has every oddity of the real one. No patient is in it.

python datasets/liver_lits/make_dummy_data.py
"""

import pathlib

import nibabel
import numpy as np

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
SHAPE = (20, 24, 3)  # along the axes of the file
BATCH_1, BATCH_2 = "training_batch_1", "training_batch_2"  # LiTS comes in two folders

# Volume number -> folder, ending, diagonal of the affine (mm).
SCANS = {
    0: (BATCH_1, ".nii", (-0.9, 0.7, 2.5)),
    1: (BATCH_1, ".nii.gz", (0.9, -0.7, -5.0)),  # turned otherwise
    28: (BATCH_2, ".nii.gz", (1.0, 1.0, 1.0)),  # an identity affine: spacing unknown; of fold 1
}


def make_dummy_data(folder: pathlib.Path = FOLDER) -> None:
    for number, (batch, ending, diagonal) in SCANS.items():
        rng = np.random.default_rng(number)
        image = rng.integers(-1024, 1500, SHAPE, dtype=np.int16)
        label = np.zeros(SHAPE, np.uint8)
        label[3:10, 5:18, 1:] = 1
        label[5:7, 7:9, 2] = 2
        affine = nibabel.affines.from_matvec(np.diag(diagonal))
        (folder / batch).mkdir(parents=True, exist_ok=True)
        for name, array in (("volume", image), ("segmentation", label)):
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / batch / f"{name}-{number}{ending}")


if __name__ == "__main__":
    make_dummy_data()
