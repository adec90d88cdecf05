"""What is inside a synthetic patient: the table of organs with their geometry, in cm, drawn at random.

Body coordinates: x to the patient's left, y to posterior, z to superior, in cm from the middle of the trunk at the
height of the porta hepatis. Built of ellipsoids, planes and tubes like the stylised phantoms of Cristy & Eckerman
(1987), ORNL/TM-8381, whose visceral surface the liver has; arranged after the look of supine contrast CT.
"""

from collections.abc import Sequence

import numpy as np

from lsn_tf.data.solids import (
    Points,
    Solid,
    blend,
    complement,
    difference,
    ellipsoid,
    grown,
    half_space,
    intersection,
    superellipse,
    tube,
    union,
)
from lsn_tf.data.tissues import draw_hu, draw_phase
from lsn_tf.data.voxelization import Structure

LIVER_PARTS = ("liver", "portal branches", "hepatic veins")  # the names that are label 1; vessels inside count
TUMOUR = "tumour"  # label 2

TRUNK_CM = (14.5, 10.2)  # half width and half depth of the muscle wall, an adult of 175 cm
LIVER_BOTTOM_CM = -9.3  # height of the tip of the right lobe
DOME_TOP_CM = 8.0  # height of the right diaphragm above the porta hepatis
VERTEBRA_CM = 3.4  # height of a vertebra with its disc, at the thoracolumbar junction
RIB_PITCH_CM = 2.8


def draw_structures(rng: np.random.Generator, fat_cm: float) -> list[Structure]:
    """The table of organs of one patient, in painting order: a later row covers an earlier one.

    Args:
        rng: Where the patient's shapes and CT numbers are drawn from.
        fat_cm: Thickness of the subcutaneous fat.
    """
    hu = draw_hu(rng, draw_phase(rng))
    trunk = superellipse(*TRUNK_CM, rng.uniform(2.1, 2.6))
    dome = _diaphragm(rng)
    groups = (
        _trunk(rng, trunk, dome, fat_cm),
        _skeleton(rng, trunk),
        _left_upper_abdomen(rng, dome),
        _bowel(rng),
        _liver(rng, dome, hu),
        _retroperitoneum(rng),
    )
    rows = [row for group in groups for row in group]
    return [Structure(name, within, hu.get(tissue, tissue), solid) for name, within, tissue, solid in rows]


def _vary(rng: np.random.Generator, center: Sequence[float], radii: Sequence[float], turn: float = 0.0) -> Solid:
    """An ellipsoid moved by about 3 mm and resized by about 6 % along each axis."""
    center = np.asarray(center) + rng.normal(0, 0.3, 3)
    return ellipsoid(center, np.asarray(radii) * np.exp(rng.normal(0, 0.06, 3)), turn + rng.normal(0, 4))


def _repeated(solid: Solid, period: float) -> Solid:
    """The part of the solid with |z| < period / 2, stacked without end along z."""

    def level_set(points: Points) -> np.ndarray:
        x, y, z = points
        return solid((x, y, (z + np.float32(period / 2)) % np.float32(period) - np.float32(period / 2)))

    return level_set


def _diaphragm(rng: np.random.Generator) -> Solid:
    """Everything below the diaphragm: two domes, the right one higher."""
    top = DOME_TOP_CM + 6
    right = _vary(rng, (-6, -2, -6), (10.5, 10, top))
    left = _vary(rng, (6.5, -1.5, -6), (9.5, 9.5, top - 1.2))
    return union(blend(right, left, 3), half_space((0, 0, 1), -6 + rng.normal()))


def _trunk(rng: np.random.Generator, trunk: Solid, dome: Solid, fat_cm: float) -> list[tuple]:
    outline = grown(trunk, fat_cm)
    back = ellipsoid((0, 8.6, 0), (5.2, 3.4, np.inf))
    shell = _shell(dome, 0.25)
    pericardium = _vary(rng, (2.5, -4.2, 13), (8.2, 6.4, 7), -25)
    return [
        ("skin", None, "skin", outline),
        ("subcutaneous fat", "skin", "fat", grown(outline, -0.2)),
        ("wall", "subcutaneous fat", "muscle", trunk),
        ("cavity", "wall", "fat", difference(grown(trunk, -rng.uniform(1.0, 1.6)), back)),
        ("fascia", "wall", "fat", _fascia(trunk, back)),
        ("lung", "cavity", "lung", complement(dome)),
        ("lung vessels", "lung", "caval blood", _lung_vessels(rng)),
        ("mediastinum", "cavity", "fat", intersection(ellipsoid((0.8, -1, 0), (2.6, 8, np.inf)), complement(dome))),
        ("diaphragm", "cavity", "muscle", shell),
        ("pericardium", "cavity", "fat", pericardium),
        ("heart", "pericardium", "heart", grown(pericardium, -0.6)),
    ]


def _fascia(trunk: Solid, back: Solid) -> Solid:
    """Sheets of fat: between the layers of the abdominal wall, below the ribs, and round the muscles of the back."""
    layer = intersection(_shell(grown(trunk, -0.7), 0.12), half_space((0, 0.5, 1), -5), half_space((0, 1, 0), 7))
    return union(layer, _shell(back, 0.15))


def _shell(solid: Solid, thickness: float) -> Solid:
    return difference(solid, grown(solid, -thickness))


def _lung_vessels(rng: np.random.Generator) -> Solid:
    """Vessels that fan out from both hila, above the scanned slab, down and outwards to the diaphragm."""
    sides = rng.permutation(np.repeat((-1, 1), 5))
    ends = rng.uniform((4, -6, 2), (12, 8, 9), (len(sides), 3))
    return union(
        *(_branch(rng, (4 * side, 0, 16), (side * x, y, z), 0.5) for side, (x, y, z) in zip(sides, ends, strict=True))
    )


def _skeleton(rng: np.random.Generator, trunk: Solid) -> list[tuple]:
    body = intersection(
        ellipsoid((0, 3.5, 0), (2.5, 1.9, np.inf)), half_space((0, 0, 1), 1.4), half_space((0, 0, -1), 1.4)
    )
    arch = union(
        ellipsoid((0, 6.0, 0), (1.8, 1.5, np.inf)),
        ellipsoid((0, 8.2, -0.3), (0.5, 2.2, 1.3)),
        ellipsoid((0, 6.2, 0.2), (4.6, 0.55, 0.8)),
    )
    ribs = _ribs(rng, trunk)
    return [
        ("disc", "wall", "disc", ellipsoid((0, 3.5, 0), (2.5, 1.9, np.inf))),
        ("vertebra", "wall", "cortical bone", _repeated(body, VERTEBRA_CM)),
        ("marrow", "vertebra", "spongy bone", _repeated(grown(body, -0.25), VERTEBRA_CM)),
        ("arch", "wall", "cortical bone", _repeated(arch, VERTEBRA_CM)),
        ("arch marrow", "arch", "spongy bone", _repeated(grown(arch, -0.3), VERTEBRA_CM)),
        ("canal", "wall", "canal", ellipsoid((0, 6.0, 0), (1.15, 0.9, np.inf))),
        ("ribs", "wall", "cortical bone", ribs),
        ("rib marrow", "ribs", "spongy bone", grown(ribs, -0.2)),
    ]


def _ribs(rng: np.random.Generator, trunk: Solid) -> Solid:
    """Ribs run round the trunk 0.7 cm under its surface and come down as they go forward."""
    phase, fall = rng.uniform(0, RIB_PITCH_CM), rng.uniform(0.4, 0.55)
    pitch, depth = np.float32(RIB_PITCH_CM), np.float32(0.65)

    def level_set(points: Points) -> np.ndarray:
        x, y, z = points
        arc = np.float32(12) * np.arctan2(np.abs(x), y)  # cm along the wall from the spine
        height = z + np.float32(fall) * arc + np.float32(phase)
        across = (height % pitch) - pitch / 2
        section = np.hypot((trunk(points) + depth) / np.float32(0.4), across / np.float32(0.65)) - 1
        costal_margin = np.float32(0.45) * arc - 14 - z
        return np.maximum(np.float32(0.4) * section, np.maximum(costal_margin, 4 - arc))

    return level_set


def _left_upper_abdomen(rng: np.random.Generator, dome: Solid) -> list[tuple]:
    below = grown(dome, -0.25)
    stomach = intersection(_vary(rng, (6, -3.5, 2.5), (5.2, 5, 6.2), 20), below)
    content = grown(stomach, -0.45)
    spleen = difference(_vary(rng, (10, 3.5, 2.5), (4.2, 6, 5.5), -15), _vary(rng, (5.2, 0.5, 1.5), (5, 5, 6.5)))
    meal = rng.choice(["water", "meal", "oral contrast"], p=[0.5, 0.3, 0.2])
    return [
        ("spleen", "cavity", "spleen", intersection(spleen, below)),
        ("stomach", "cavity", "gut wall", stomach),
        ("stomach content", "stomach", meal, content),
        ("stomach gas", "stomach", "gas", intersection(content, half_space((0, 1, 0), rng.uniform(-8, -4)))),
        ("pancreas", "cavity", "pancreas", tube([(-3, -1, -5), (-1, -2.5, -3), (3, -1.5, -2), (8, 1.5, 0)], 1.3, 0.9)),
    ]


def _bowel(rng: np.random.Generator) -> list[tuple]:
    """Mesenteric vessels, small bowel and colon as round loops below liver and stomach, each with its own content."""
    lower = rng.uniform((-9, -8.8, -16), (9, 0.5, -3), (44, 3))
    descending = [(10.5 + rng.normal(0, 0.4), -1 + rng.normal(0, 0.8), z) for z in range(-15, 2, 3)]
    rows = [("mesentery", "cavity", "portal vein", _mesentery(rng))]
    for number, center in enumerate((*lower, *descending)):
        loop = ellipsoid(center, rng.uniform(1.3, 2.6, 3), rng.uniform(0, 180))
        content = rng.choice(["water", "meal", "oral contrast", "gas"], p=[0.3, 0.4, 0.12, 0.18])
        name = f"bowel {number}"
        rows += [(name, "cavity", "gut wall", loop), ("bowel content", name, content, grown(loop, -0.3))]
    return rows


def _mesentery(rng: np.random.Generator) -> Solid:
    """Small vessels that fan out forward from the root of the mesentery."""
    ends = rng.uniform((-9, -8, -16), (10, -1, 3), (14, 3))
    return union(*(_branch(rng, (0.5, -1, -4 + 0.4 * end[2]), end, 0.3) for end in ends))


def _liver(rng: np.random.Generator, dome: Solid, hu: dict[str, float]) -> list[tuple]:
    visceral_surface = half_space(
        (1 / 35, 1 / 45, -1 / 43), rng.normal(-1.6, 0.5)
    )  # the inclination is Cristy & Eckerman's
    right = intersection(_vary(rng, (-7.5, -0.5, 0.5), (7.4, 8.6, 9.8)), visceral_surface)
    left = _vary(rng, (0.5, -5, 3), (rng.uniform(6, 9.2), 4.2, 4.6), -8)
    caudate = _vary(rng, (-1.5, 0.2, 3), (1.8, 1.5, 2.5))
    liver = intersection(blend(blend(right, left, 3), caudate, 1), grown(dome, -0.2))
    notch = _vary(rng, (-0.8, -8.5, -1.5), (rng.uniform(0.35, 0.9), rng.uniform(2.5, 4), 4), -12)
    return [
        ("liver", "cavity", "liver", liver),
        ("portal branches", "liver", "portal vein", _portal_tree(rng)),
        ("hepatic veins", "liver", "hepatic vein", _hepatic_veins(rng)),
        *_tumours(rng, hu["liver"]),
        ("hilum", "cavity", "fat", _vary(rng, (-3, -0.8, -1.2), (2, 1, 1.6), 20)),
        ("falciform notch", "liver", "fat", notch),
        ("venous fissure", "liver", "fat", _vary(rng, (0.5, -1.2, 2.5), (2.2, 0.25, 2.2), 20)),
        ("portal trunk", "cavity", "portal vein", tube([(0, -0.8, -4), (-3.2, -0.9, -0.5)], 0.75)),
        ("gallbladder", "cavity", "bile", _vary(rng, (-5, -4.5, -5), (1.7, 2.4, 3), -30)),
    ]


def _branch(rng: np.random.Generator, start: Sequence[float], end: Sequence[float], radius: float) -> Solid:
    """A vessel that bends once on its way and tapers."""
    end = np.asarray(end) + rng.normal(0, 0.8, 3)
    bend = (np.asarray(start) + end) / 2 + rng.normal(0, 0.5, 3)
    return tube([start, bend, end], radius, 0.15)


def _portal_tree(rng: np.random.Generator) -> Solid:
    hilum, right = (-3.2, -0.9, -0.3), (-6.5, -0.5, 0.3)
    ends = [(-9, -6, 2), (-11, -3, -4), (-11, 4, 1), (-10, 3, -5), (-8, 3, 5)]
    left = [_branch(rng, hilum, (-0.5, -4.5, 2), 0.5), _branch(rng, (-0.8, -4.2, 2), (5, -5.5, 3.5), 0.35)]
    return union(tube([hilum, right], 0.65, 0.55), *left, *(_branch(rng, right, end, 0.45) for end in ends))


def _hepatic_veins(rng: np.random.Generator) -> Solid:
    confluence = (-2.3, -0.2, 5.8)
    ends = [(-12, 2.5, 1), (-9, 5, 0), (-6, -6, 0), (-9, -5, 4), (3, -6, 3)]
    return union(*(_branch(rng, confluence, end, 0.55) for end in ends))


def _tumours(rng: np.random.Generator, liver_hu: float) -> list[tuple]:
    """None in about a third of the patients, else one to six; darker than the liver, seldom brighter."""
    count = 0 if rng.random() < 0.35 else 1 + min(rng.poisson(1.5), 5)
    rows = []
    for _ in range(count):
        radius = np.clip(1.3 * np.exp(rng.normal(0, 0.5)), 0.5, 3.5)
        lobe = [(-8.5, 0, 0), (-8, -2, 3), (-1, -5, 3)][rng.integers(3)]
        center = np.asarray(lobe) + rng.uniform(-3, 3, 3)
        contrast = rng.uniform(20, 45) if rng.random() < 0.15 else -rng.uniform(25, 60)
        solid = ellipsoid(center, radius * rng.uniform(0.8, 1.2, 3), rng.uniform(0, 90))
        rows.append((TUMOUR, "liver", liver_hu + contrast, solid))
    return rows


def _retroperitoneum(rng: np.random.Generator) -> list[tuple]:
    aorta = [(0.6, 0.2, -18), (1.1, 0.7, 0), (1.9, 1.4, 18)]
    cava = [(-2.1, 0.4, -18), (-2.4, 0.3, -3), (-2.4, 0.2, 5), (-0.8, -1.5, 11)]
    psoas = union(*(tube([(side * 2.9, 4, -4), (side * 4.6, 4.5, -18)], 1.1, 2.6) for side in (-1, 1)))
    return [
        ("crura", "cavity", "muscle", intersection(tube(aorta, 1.5), half_space((0, 0, 1), 4))),
        ("psoas", "wall", "muscle", psoas),
        *_kidney(rng, "right kidney", (-6.2, 3.6, -7)),
        *_kidney(rng, "left kidney", (6.2, 3.6, -5.5)),
        ("aorta", "wall", "artery", tube(aorta, rng.uniform(0.85, 1.15))),
        ("vena cava", "wall", "caval blood", tube(cava, rng.uniform(0.95, 1.25))),
    ]


def _kidney(rng: np.random.Generator, name: str, center: Sequence[float]) -> list[tuple]:
    """A kidney in its fat; the sinus opens forward to the middle."""
    side = np.sign(center[0])
    center = np.asarray(center) + rng.normal(0, 0.3, 3)
    kidney = ellipsoid(center, np.array([2.5, 2.9, 5.2]) * np.exp(rng.normal(0, 0.06, 3)), side * -30)
    sinus = ellipsoid(center - (side * 1.2, 0.6, 0), (1.5, 0.9, 2.6), side * 30)
    return [
        ("perirenal fat", "cavity", "fat", grown(kidney, rng.uniform(0.4, 1.0))),
        (name, "cavity", "renal cortex", kidney),
        ("renal medulla", name, "renal medulla", grown(kidney, -0.8)),
        ("renal sinus", name, "fat", sinus),
    ]
