"""Every layer is rebuilt from its configuration, alone and as plain JSON."""

import inspect
import json

import keras
import pytest

from lsn_tf import layers

ARGUMENTS = {  # none at its default value
    "ChanVese": {},
    "Curvature": {"times_gradient": True, "epsilon": 1e-3, "learning": "free", "boundary": "periodic"},
    "Diffusion": {"learning": "free", "boundary": "periodic"},
    "EdgeIndicator": {"sigma_mm": 2.5, "contrast": 7.0, "power": 1.5, "radius": 3},
    "Eikonal": {"rounds": 3},
    "EssentiallyNonOscillatory": {"order": 2, "boundary": "periodic"},
    "EulerBlock": {"time_step": 0.25},
    "FiniteDifferenceConv": {"filters": 3, "activation": keras.activations.relu},
    "GeodesicActiveContour": {"balloon": 2.0, "attraction": 3.0, "smoothing": 0.5},
    "HounsfieldWindow": {"window": (-50.0, 250.0)},
    "InitialContour": {"centre": (0.5, 0.25), "radius": 0.1},
    "IntensitySpeed": {"width": 25.0, "spread": 0.5, "contraction": 0.75, "lowest_mean": 30.0},
    "LearnedEdgeIndicator": {"kernels": 4},
    "LevelSetEvolution": {
        "steps": 3, "cfl": 0.5, "time_step": 0.25, "tied": False, "step": {"scheme": "osher_sethian"},
        "further_steps": 0
    },
    "LevelSetStep": {
        "scheme": "osher_sethian", "learning": "frozen", "differences": "weno5", "integrator": "tvd_rk3",
        "curvature": "monotone", "curvature_radius": 3, "boundary": "periodic"
    },
    "MonotoneCurvature": {"radius": 3, "boundary": "periodic"},
    "Occupancy": {"width_mm": 1.5},
    "Propagation": {"scheme": "osher_sethian"},
    "Refine": {},
    "Reinitialization": {"steps": 3},
    "Resample": {"method": "linear"},
    "SpeedCorrection": {"steps": 3, "transport": True},
    "StencilConv": {"stencils": ("central_x", "second_yy"), "learning": "free", "boundary": "periodic"},
    "Transport": {},
}  # fmt: skip
CLASSES = {name: cls for name, cls in vars(layers).items() if name in layers.__all__ and inspect.isclass(cls)}
LAYERS = {name: cls for name, cls in CLASSES.items() if issubclass(cls, keras.layers.Layer)}
every_layer = pytest.mark.parametrize("name", sorted(ARGUMENTS))


def as_json(config):
    return json.loads(json.dumps(config))


def test_every_public_layer_is_among_these():
    assert set(ARGUMENTS) == set(LAYERS)


@every_layer
def test_a_layer_is_rebuilt_from_its_configuration(name):
    layer = LAYERS[name](**ARGUMENTS[name], name="its_name")
    config = as_json(layer.get_config())
    again = LAYERS[name].from_config(config)
    assert as_json(again.get_config()) == config
    for argument, value in ARGUMENTS[name].items():
        assert getattr(layer, argument) == getattr(again, argument) == value


@every_layer
def test_all_arguments_of_a_layer_are_in_its_configuration(name):
    arguments = set(inspect.signature(LAYERS[name]).parameters) - {"args", "kwargs"}
    assert arguments == set(ARGUMENTS[name])
    assert arguments <= set(LAYERS[name](**ARGUMENTS[name]).get_config())


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_is_registered_under_the_name_of_the_library(name):
    assert keras.saving.get_registered_name(CLASSES[name]) == f"lsn_tf>{name}"


def test_the_constraint_is_rebuilt_from_its_configuration():
    constraint = layers.Consistent(("central_x", "mixed_xy"))
    again = keras.constraints.deserialize(as_json(keras.constraints.serialize(constraint)))
    assert isinstance(again, layers.Consistent) and again.stencils == constraint.stencils
