"""Draws the front of a trained level set network on its way from scale to scale.

    python docs/evolution.py --run_dir=RUN --output=docs/evolution.png --title="A held-out scan of the synthetic twin"

Takes the scan of the held-out fold with the median Dice, and of it the slice with the largest liver.
Needs matplotlib (pip install matplotlib).
"""

import csv

import keras
import matplotlib.pyplot as plt
import numpy as np
from absl import app, flags

from lsn_tf.artifacts import RunDir
from lsn_tf.data.pipeline import gather_slices
from lsn_tf.data.sources import open_source
from lsn_tf.models import LevelSetNetwork  # noqa: F401, registers the class that the file names

RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of a training run of a level set network.", required=True)
OUTPUT = flags.DEFINE_string("output", "evolution.png", "Picture to write.")
TITLE = flags.DEFINE_string("title", "", "Text below the picture, e.g. the attribution of the scan.")


def median_scan(run: RunDir, trained: dict):
    """Returns the scan of the held-out fold whose Dice is the median."""
    with run.dice.open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["dice"]))
    number = int(rows[len(rows) // 2]["volume_id"])
    source = open_source(trained["dataset"], trained["data_dir"])
    return next(scan for scan in source.scans(trained["fold"]) if scan.volume_id == number)


def main(_):
    run = RunDir(RUN_DIR.value)
    trained = run.read_config()
    slices = gather_slices([median_scan(run, trained)], trained["image_size"])
    n = int(slices.mask.sum(axis=(1, 2, 3)).argmax())
    model = keras.saving.load_model(run.model, compile=False)
    evolutions = [layer for layer in model.layers if layer.name.startswith("evolution_")]
    start = model.get_layer("initial_contour").output
    fronts = keras.Model(model.inputs, [start, *(layer.output for layer in evolutions)])(
        {"image": slices.image[n : n + 1].astype(np.float32), "spacing": slices.spacing[n : n + 1]}
    )
    figure, axes = plt.subplots(1, len(fronts), figsize=(2.2 * len(fronts), 2.6), layout="constrained")
    titles = ["initial contour", *(f"{phi.shape[1]} x {phi.shape[2]}" for phi in fronts[1:])]
    side, window = trained["image_size"], trained["window_hu"]
    for axis, phi, title in zip(axes, fronts, titles, strict=True):
        axis.imshow(slices.image[n, ..., 0], cmap="gray", vmin=window[0], vmax=window[1], extent=(0, side, side, 0))
        draw_front(axis, slices.mask[n, ..., 0] - 0.5, side, colors="#35b779", linewidths=1.2, linestyles="dashed")
        draw_front(axis, np.asarray(phi)[0, ..., 0], side, colors="#fde725", linewidths=1.5)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    if TITLE.value:
        figure.supxlabel(TITLE.value, fontsize=7)
    figure.savefig(OUTPUT.value, dpi=110)


def draw_front(axis, phi: np.ndarray, side: int, **style) -> None:
    """Draws the zero contour of phi, given on any grid, over a picture of side x side."""
    centres = (np.arange(len(phi)) + 0.5) * side / len(phi)
    axis.contour(centres, centres, phi, levels=[0], **style)


if __name__ == "__main__":
    app.run(main)
