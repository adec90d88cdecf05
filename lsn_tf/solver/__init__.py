"""The classical solver: the level set equation from a contour to rest, and its way to networks and back."""

from lsn_tf.solver.initial_contours import InitialContours
from lsn_tf.solver.seeded_contour import Parameters, arrival_times, contours_at, segment_from
from lsn_tf.solver.solving import Solution, State, solve
from lsn_tf.solver.stopping import Stopping
from lsn_tf.solver.translation import Discretization, Stage, from_solver, to_solver

__all__ = [
    "Discretization",
    "InitialContours",
    "Parameters",
    "Solution",
    "Stage",
    "State",
    "Stopping",
    "arrival_times",
    "contours_at",
    "from_solver",
    "segment_from",
    "solve",
    "to_solver",
]
