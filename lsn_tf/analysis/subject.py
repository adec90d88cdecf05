"""What is analysed: the networks that are read, and the named kernels that theirs are compared with."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from lsn_tf.analysis.config import Config, model_file
from lsn_tf.analysis.dictionary import NamedKernel, named_kernels
from lsn_tf.analysis.dictionary_file import read_dictionary
from lsn_tf.analysis.network import Layer, before_training, read_network
from lsn_tf.analysis.templates import Templates, make_templates


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """What is analysed.

    Attributes:
        network: all its convolutions, in the order of the graph.
        untrained: its kernels before training, by layer; None where the null does not ask for them.
        other: the convolutions of the network beside it; () for none.
        dictionary: the named kernels.
        templates: their images.
    """

    network: Sequence[Layer]
    untrained: Mapping[str, np.ndarray] | None
    other: Sequence[Layer]
    dictionary: Sequence[NamedKernel]
    templates: Templates

    @classmethod
    def read(cls, config: Config) -> "Subject":
        """Reads all that is named. Raises ValueError for what cannot be used."""
        own = read_dictionary(config.dictionary) if config.dictionary else ()
        dictionary = (*named_kernels(len(config.shape)), *own)
        templates = make_templates(dictionary, config.symmetries, config.shape)
        network = read_network(model_file(config.model), config.shape)
        untrained = before_training(model_file(config.untrained), network, config.shape) if config.untrained else None
        other = read_network(model_file(config.compare), config.shape) if config.compare else ()
        return cls(network, untrained, other, dictionary, templates)

    @property
    def layers(self) -> list[Layer]:
        """Those of the size that is analysed."""
        return [layer for layer in self.network if layer.count]
