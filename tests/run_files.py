"""Runs of trainings as files, without training: what the tests of the reports read."""

import numpy as np

from lsn_tf.artifacts import RunDir, write_csv, write_json

GAIN = {"lse": -0.2, "lsn": 0.0, "unet": 0.02}
TERM = {"monotone": True, "reason": "first-order upwind differences (godunov), dt by the CFL condition"}
CERTIFICATE = {
    "model": "lsn",
    "certified": True,
    "reason": "every term is monotone",
    "cfl": {"bound": 0.9, "enforced": "for every image, by dt"},
    "terms": {"propagation": TERM},
    "stencils": [
        {"stencil": "backward_x", "order_stated": 1, "order": 1, "moment_defect": 0.0},
        {"stencil": "second_xx", "order_stated": 2, "order": 2, "moment_defect": 2.5e-7},
        {"stencil": "median over a ring", "order": 0},
    ],
    "on_images": {
        "stages": [{"cfl_reached": 0.85}, {"cfl_reached": 0.875}],
        "front_motion_of_the_equation_mm": 398.193,
        "front_motion_bound_mm": 1869.414,
        "attack": {"trials": 12, "largest_ratio": 1.0, "falsified": False},
    },
}
REFUSED = {"model": "unet", "certified": False, "reason": "UNet: it solves no level set equation"}


def dice_of(model, fold, seed, volumes=6):
    """Dice of the scans of a fold, by number."""
    rng = np.random.default_rng([fold, seed, len(model)])
    return {
        10 * fold + n: round(0.8 + GAIN[model[:4].rstrip(":")] + rng.uniform(-0.05, 0.05), 6) for n in range(volumes)
    }


def write_run(folder, model="lsn", fold=0, seed=0, finished=True, history=True, certificate=True, name=None, **options):
    """Writes a run into a folder of its own and returns it; finished unless it is told otherwise."""
    run = RunDir(folder / (name or f"{model.replace(':', '-')}-fold{fold}-seed{seed}"))
    config = {"model": model, "dataset": "phantom", "data_dir": None, "fold": fold, "target": "liver"}
    config |= {"image_size": 16, "window_hu": [-100.0, 400.0], "epochs": 3, "seed": seed, "synthetic": True}
    config |= {"command": f"python -m lsn_tf.train --model={model} --fold={fold}", **options}
    write_json(run.config, config)
    if history:
        losses = [{"epoch": n, "loss": 2.0**-n, "val_dice": 0.5 + 0.1 * n, "val_share": 0.1} for n in (1, 2, 3)]
        write_csv(run.history, losses)
    if finished:
        scores = dice_of(model, fold, seed)
        rows = [{"volume_id": v, "fold": fold, "dice": dice, "hd95_mm": 3.5} for v, dice in scores.items()]
        write_csv(run.dice, rows)
        about = {"machine": "an abacus", "seconds_train": 12.5, "epochs": 3}
        write_json(run.results, {"parameters": 50276, "hd95_mm_mean": 3.5, **about})
        run.model.touch()
        if certificate:
            write_json(run.certificate, CERTIFICATE if model.startswith("lsn") else REFUSED)
    return run
