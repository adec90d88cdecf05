"""The terms of the level set equation, one Keras layer each. `ls` of this folder reads like the equation."""

from lsn_tf.layers.constraints import Consistent
from lsn_tf.layers.curvature import Curvature, MonotoneCurvature
from lsn_tf.layers.diffusion import Diffusion
from lsn_tf.layers.edge_indicator import EdgeIndicator, LearnedEdgeIndicator
from lsn_tf.layers.eikonal import Eikonal
from lsn_tf.layers.essentially_non_oscillatory import EssentiallyNonOscillatory
from lsn_tf.layers.euler_block import EulerBlock
from lsn_tf.layers.finite_difference_conv import FiniteDifferenceConv
from lsn_tf.layers.geodesic_active_contour import GeodesicActiveContour
from lsn_tf.layers.hounsfield_window import HounsfieldWindow
from lsn_tf.layers.initial_contour import InitialContour
from lsn_tf.layers.level_set_evolution import LevelSetEvolution
from lsn_tf.layers.level_set_step import LevelSetStep, cfl_time_step
from lsn_tf.layers.occupancy import Occupancy
from lsn_tf.layers.region_speed import ChanVese, IntensitySpeed
from lsn_tf.layers.reinitialization import Reinitialization
from lsn_tf.layers.resample import Refine, Resample
from lsn_tf.layers.speed_correction import SpeedCorrection
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.layers.upwind import Propagation, Transport

__all__ = [
    "ChanVese",
    "Consistent",
    "Curvature",
    "Diffusion",
    "EdgeIndicator",
    "Eikonal",
    "EssentiallyNonOscillatory",
    "EulerBlock",
    "FiniteDifferenceConv",
    "GeodesicActiveContour",
    "HounsfieldWindow",
    "InitialContour",
    "IntensitySpeed",
    "LearnedEdgeIndicator",
    "LevelSetEvolution",
    "LevelSetStep",
    "MonotoneCurvature",
    "Occupancy",
    "Propagation",
    "Refine",
    "Reinitialization",
    "Resample",
    "SpeedCorrection",
    "StencilConv",
    "Transport",
    "cfl_time_step",
]
