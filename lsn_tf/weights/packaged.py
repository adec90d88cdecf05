"""Trained weights with a model card: written from a run, and loaded only if they are those that the card describes."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from lsn_tf.artifacts import RunDir, read_json, replaced, sha256_of, write_json
from lsn_tf.models import AnySize

FOLDER = pathlib.Path(__file__).parent
LARGEST_BYTES = 1_000_000
NOT_HELD_OUT = "none, it has seen the scans of all folds"
INTENDED_USE = (
    "Research on segmentation methods: the liver, tumours included, in axial CT of the abdomen. NOT FOR CLINICAL USE: "
    "it is no medical device, nobody has validated it for diagnosis or treatment, and it can fail without a sign."
)
DATA = {
    "LiTS": {
        "name": "LiTS 2017, as Task03 Liver of the Medical Segmentation Decathlon",
        "licence": "CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/",
        "attribution": "Medical Segmentation Decathlon, Antonelli et al. (2022), doi:10.1038/s41467-022-30695-9; "
        "LiTS, Bilic et al. (2023), doi:10.1016/j.media.2022.102680",
        "limits": "It has learned from slices of the upper abdomen, most with contrast agent; without it livers are "
        "darker, and parts of them can be missed, and in the pelvis bowel or bladder can be taken for liver.",
    },
    "phantom": {
        "name": "the synthetic twin of LiTS, no patients",
        "licence": "Apache-2.0",
        "attribution": "lsn_tf",
        "limits": "It has never seen a patient.",
    },
}


def names(folder: pathlib.Path = FOLDER) -> list[str]:
    """Returns which packaged models there are."""
    return sorted(path.stem for path in folder.glob("*.keras") if path.with_suffix(".json").is_file())


def write_weights(run: RunDir, name: str, scores: Mapping[str, Any], folder: pathlib.Path = FOLDER) -> dict[str, Any]:
    """Writes NAME.keras, without the state of the optimizer, and the model card NAME.json and NAME.md.

    Args:
        run: a finished run.
        name: what `--model` calls it.
        scores: {what: Dice}, of trainings of the model in the same way, each on the fold that it has held out.
        folder: where to.

    Returns:
        The card.

    Raises:
        FileNotFoundError: if the run has not finished.
        ValueError: if the weights take more than 1 MB.
    """
    trained = run.read_config()
    if not run.model.is_file():
        raise FileNotFoundError(f"expected a trained model at {run.model}. There is none: the run has not finished.")
    model = keras.saving.load_model(run.model, compile=False)
    with replaced(folder / f"{name}.keras") as temporary:
        partial = temporary.with_suffix(".keras")
        model.save(partial)
        content = partial.read_bytes()
        if len(content) > LARGEST_BYTES:
            raise ValueError(f"{name} must take at most {LARGEST_BYTES:,} bytes. It takes {len(content):,}.")
    certificate = read_json(run.certificate) if run.certificate.is_file() else {}
    card = model_card(trained, model, name, scores, certificate)
    card |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_json(folder / f"{name}.json", card)
    with replaced(folder / f"{name}.md") as temporary:
        temporary.write_text(as_markdown(card))
    return card


def load_weights(name: str, folder: pathlib.Path = FOLDER) -> tuple[AnySize, dict[str, Any]]:
    """Returns a packaged model for images of any size, and its card.

    Raises:
        ValueError: if there is no such model, or the file is not the one that the card describes.
    """
    if name not in (known := names(folder)):
        raise ValueError(f"model must be one that comes with the package, {known}. Received {name!r}.")
    path, card = folder / f"{name}.keras", read_json(folder / f"{name}.json")
    found = sha256_of(path)
    if found != card["sha256"]:
        raise ValueError(
            f"{path}: expected the sha256 of its model card, {card['sha256'][:12]}... Received {found[:12]}... "
            "Install lsn_tf again."
        )
    return AnySize(keras.saving.load_model(path, compile=False), card["image_size"]), card


def model_card(
    trained: Mapping[str, Any],
    model: keras.Model,
    name: str,
    scores: Mapping[str, Any],
    certificate: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns what a user must know of a model.

    Args:
        trained: config.json of its run.
        model: the trained model.
        name: what users call it.
        scores: see `write_weights`.
        certificate: of the model; empty for none.
    """
    return {
        "name": name,
        "intended_use": INTENDED_USE,
        "model": trained["model"],
        "parameters": model.count_params(),
        "target": trained["target"],
        "image_size": trained["image_size"],
        "window_hu": list(trained["window_hu"]),
        "data": DATA["phantom" if trained["synthetic"] else "LiTS"] | {"dataset": trained["dataset"]},
        "fold_held_out": NOT_HELD_OUT if trained["fold"] == "none" else trained["fold"],
        "scans": trained.get("training", {}).get("training_scans"),
        "slices": trained.get("training", {}).get("training_slices"),
        "epochs": trained["epochs"],
        "seed": trained["seed"],
        "command": trained["command"],
        "scores": dict(scores),
        "certified": certificate.get("certified"),
        "certificate_reason": certificate.get("reason"),
    }


def as_markdown(card: Mapping[str, Any]) -> str:
    """Returns a model card for people, Markdown; with the checksum of the model's file if it has one."""
    data, file = card["data"], ""
    if "sha256" in card:
        file = f"\n* File: {card['bytes']:,} bytes, sha256 `{card['sha256']}`, checked whenever it is loaded."
    scores = "\n".join(f"| {name} | {value} |" for name, value in card["scores"].items()) or "| none | |"
    amount = f"{card['scans']} scans, {card['slices']} slices; " if card["scans"] else ""
    return f"""# Model card: {card["name"]}

{card["intended_use"]}

* Model: `{card["model"]}`, {card["parameters"]:,} parameters; in: axial slices in HU and their pixel size in mm, of any
  size; out: φ in mm, negative inside the {card["target"]}.
* Limits: {data["limits"]} It looks at each slice alone.
* Data: {data["name"]} (`{data["dataset"]}`), {data["licence"]}. {data["attribution"]}. The weights are shared under the
  same licence.
* Training: `{card["command"]}`, {amount}{card["epochs"]} epochs, seed {card["seed"]}, window {card["window_hu"]} HU,
  slices of {card["image_size"]} × {card["image_size"]}; fold held out: {card["fold_held_out"]}.
* Certificate: {card["certificate_reason"] or "none"}.{file}

## Scores

Of trainings of this model in the same way, each on scans of a fold that it has held out and not seen.

| | |
|---|---|
{scores}

Everything above, for programs:

```json
{json.dumps(card, indent=2)}
```
"""
