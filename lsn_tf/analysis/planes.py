"""The plane of a layer: its kernels and the named ones along its first two principal components, about one mean."""

import dataclasses

import numpy as np

from lsn_tf.analysis.clustering import prepare
from lsn_tf.analysis.principal_components import PrincipalComponents, principal_components


@dataclasses.dataclass(frozen=True)
class Plane:
    """Where kernels are drawn: at unit L1 norm, as published in 2020, doi:10.1117/12.2548871.

    Attributes:
        axes: the principal components of a layer's kernels.
    """

    axes: PrincipalComponents

    def points(self, kernels: np.ndarray) -> np.ndarray:
        """Returns the places of kernels, (n, s, s), learned and named ones alike: (n, 2) float32.

        A named kernel and a positive multiple of it among the learned have one place.
        """
        return self.axes.project(prepare(kernels, "l1"))


def plane_of(kernels: np.ndarray) -> Plane | None:
    """Returns the plane of a layer's kernels that are not dead, (n, s, s); None for fewer than two: they span none."""
    return Plane(principal_components(prepare(kernels, "l1"))) if len(kernels) >= 2 else None
