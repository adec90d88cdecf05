"""Whole training steps of LSN and U-Net, alone and in fit, beside PyTorch and the roofline of the device."""

import functools

import keras
import numpy as np

from lsn_tf.benchmarks.timing import Row, medians_in_turns, size
from lsn_tf.benchmarks.train import WINDOW_HU, model_in_training
from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import Slices, check_image_size, gather_slices
from lsn_tf.models import build_model
from lsn_tf.studies.roofline import measured_peak, peak_works
from lsn_tf.studies.training_speed import peak_rows, speed_rows, steps_in_a_row, torch_works
from lsn_tf.studies.training_steps import EPOCH_STEPS, TrainingSteps, epoch_of_fit, training_steps
from lsn_tf.training.deep_supervision import masks_for
from lsn_tf.training.fitting import check_backend

VOLUMES = range(0, 32, 16)
TRAINED = {"lsn": ("lsn", "muon"), "unet": ("unet", "muon"), "unet, Adam": ("unet", "adam")}  # model and optimiser
IN_FIT = ("lsn", "unet")  # of these


def measure(image_size: int, batch_size: int, mixed_precision: str, repeats: int, **_) -> list[Row]:
    """Times training steps of LSN and U-Net, alone and in fit, of the U-Net in PyTorch, and what the device reaches.

    Raises:
        ValueError: if the networks do not take slices of this size, or the backend does not train.
    """
    check_backend(multi_gpu=False)
    check_image_size(image_size)
    slices = gather_slices(make_scans(VOLUMES), image_size)
    batch = slices.at(np.arange(batch_size) % len(slices))
    models = {
        name: functools.partial(model_in_training, model, batch_size, mixed_precision, optimizer=optimizer)
        for name, (model, optimizer) in TRAINED.items()
    }
    steps = {name: _steps(make_model(), batch) for name, make_model in models.items()}
    makes = {name: of_model.make for name, of_model in steps.items()}
    makes |= torch_works(build_model("unet", WINDOW_HU), batch.image, batch.mask, mixed_precision)
    count, peaks = steps_in_a_row(), peak_works(mixed_precision)
    works = {name: functools.partial(make, count) for name, make in makes.items()}
    fits = {f"{name}, in fit": epoch_of_fit(models[name](), batch, batch_size) for name in IN_FIT}
    times = medians_in_turns({**works, **fits, **peaks}, repeats)
    of_device = {name: times[name] for name in peaks}
    of_steps = {name: times[name] / count for name in works} | {name: times[name] / EPOCH_STEPS for name in fits}
    costs = {name: of_model.cost for name, of_model in steps.items()}
    rows = speed_rows(of_steps, costs, measured_peak(of_device), batch_size)
    group = f"training, batches of {batch_size}, {size((image_size, image_size))}, {mixed_precision}"
    peak_group = f"what the device reaches, {mixed_precision}"
    return [{"group": group, **row} for row in rows] + [{"group": peak_group, **row} for row in peak_rows(of_device)]


def _steps(model: keras.Model, batch: Slices) -> TrainingSteps:
    return training_steps(model, {"image": batch.image, "spacing": batch.spacing}, masks_for(model, batch.mask))
