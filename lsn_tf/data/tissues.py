"""CT numbers of the tissues of a synthetic patient (`anatomy.py`), by phase of the contrast medium."""

from typing import NamedTuple

import numpy as np

# CT number at 120 kVp, HU: unenhanced, gain of the arterial phase, gain of the portal venous phase, and the standard
# deviation between patients (the liver's is wide: fat in it). Unenhanced values are those of textbooks; gains are
# typical of 1.5 ml/kg of contrast medium after 35 s and 70 s. Liver and noise spread as in the scans of LiTS.
TISSUES_HU = {
    "air": (-1000, 0, 0, 0),
    "gas": (-930, 0, 0, 20),
    "lung": (-850, 0, 10, 20),
    "fat": (-105, 0, 0, 5),
    "skin": (10, 0, 5, 5),
    "muscle": (55, 2, 12, 6),
    "liver": (56, 8, 46, 18),
    "hepatic vein": (42, 5, 112, 6),
    "portal vein": (42, 30, 120, 6),
    "spleen": (50, 70, 60, 8),
    "pancreas": (42, 55, 48, 8),
    "renal cortex": (34, 130, 140, 10),
    "renal medulla": (32, 30, 120, 10),
    "artery": (42, 260, 105, 10),
    "caval blood": (42, 20, 90, 8),
    "heart": (44, 150, 75, 8),
    "bile": (10, 0, 0, 6),
    "gut wall": (42, 40, 45, 6),
    "water": (14, 0, 0, 8),
    "meal": (75, 0, 0, 20),
    "oral contrast": (260, 0, 0, 60),
    "cortical bone": (430, 0, 0, 40),
    "spongy bone": (170, 0, 25, 25),
    "disc": (85, 0, 5, 5),
    "canal": (30, 0, 5, 3),
}


class Phase(NamedTuple):
    """How much of the full arterial and portal venous enhancement the scan shows, each about 0 to 1."""

    arterial: float
    portal: float


def draw_phase(rng: np.random.Generator) -> Phase:
    """Portal venous in most patients, as in LiTS; late arterial or hardly enhanced in the others."""
    kind = rng.choice(["portal", "arterial", "plain"], p=[0.75, 0.15, 0.1])
    arterial = {"portal": (0.0, 0.3), "arterial": (0.7, 1.0), "plain": (0.0, 0.05)}[kind]
    portal = {"portal": (0.7, 1.1), "arterial": (0.2, 0.5), "plain": (0.0, 0.2)}[kind]
    return Phase(rng.uniform(*arterial), rng.uniform(*portal))


def draw_hu(rng: np.random.Generator, phase: Phase) -> dict[str, float]:
    """The CT number of each tissue in one patient, HU, by the names of `TISSUES_HU`."""
    return {
        tissue: plain + arterial * phase.arterial + portal * phase.portal + spread * rng.normal()
        for tissue, (plain, arterial, portal, spread) in TISSUES_HU.items()
    }
