"""What is analysed, and how; and which file of a run is meant."""

import dataclasses
import pathlib

from lsn_tf.analysis import published_rule
from lsn_tf.analysis.clustering import PUBLISHED_K
from lsn_tf.analysis.hits import THRESHOLD
from lsn_tf.analysis.output import COMPARISON, KERNELS, PROJECTOR, PUBLISHED, SUMMARY, TABLES
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.artifacts import RunDir

SIZES = {"3": (3, 3), "5": (5, 5), "7": (7, 7), "3x3x3": (3, 3, 3)}


@dataclasses.dataclass(frozen=True)
class Config:
    """What to analyse, and how.

    Attributes:
        model: a saved model, see `kernels.read_layers`.
        output_dir: folder for the tables and the summary.
        dictionary: file of named kernels that are added to the built-in ones, see `read_dictionary`; None for none.
        null: one of `share_tests.NULLS`.
        untrained: for the null "untrained": the same network, saved before training.
        threshold: least similarity that counts as a hit in a claim.
        scale, sign, turns, mirrors: the symmetries under which kernels are compared, see `Symmetries`.
        clusters: k of k-means; 0 for that of the largest silhouette.
        size: of the kernels, one of `SIZES`.
        seed: of nulls, bootstrap and k-means.
        compare: another saved model that is set beside this one, see `comparison.compare`; None for none.
        table: form of the table of kernels, one of `KERNELS`.
        projector: whether files for TensorBoard's projector are written too.
        swap: whether kernels are replaced, too, see `lsn_tf.swap`; model must then be a run of lsn_tf.train.
        swap_results: what lsn_tf.swap has found of this model already, its swap.json; None for none.
        page: whether index.html and figures are made too.
    """

    model: str
    output_dir: str
    dictionary: str | None = None
    null: str = "permuted"
    untrained: str | None = None
    threshold: float = THRESHOLD
    scale: bool = True
    sign: bool = True
    turns: bool = True
    mirrors: bool = True
    clusters: int = PUBLISHED_K
    size: str = "3"
    seed: int = 0
    compare: str | None = None
    table: str = "csv"
    projector: bool = False
    swap: bool = False
    swap_results: str | None = None
    page: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """What is written into the folder, the summary first."""
        published = (PUBLISHED,) if self.has_published_rule else ()
        more = (*((COMPARISON,) if self.compare else ()), *(PROJECTOR if self.projector else ()))
        return (SUMMARY, KERNELS[self.table], *TABLES, *published, *more)

    @property
    def has_published_rule(self) -> bool:
        """Whether the kernels are of the size that the published rule names."""
        return self.shape == published_rule.SHAPE

    @property
    def symmetries(self) -> Symmetries:
        return Symmetries(self.scale, self.sign, self.turns, self.mirrors)

    @property
    def shape(self) -> tuple[int, ...]:
        return SIZES[self.size]

    def check(self) -> None:
        """Raises ValueError for choices that cannot be used."""
        output = pathlib.Path(self.output_dir).resolve()
        for name, choices in (("size", SIZES), ("table", KERNELS)):
            if (chosen := getattr(self, name)) not in choices:
                raise ValueError(f"{name} must be one of {tuple(choices)}. Received {chosen!r}.")
        if output.exists() and not output.is_dir():
            raise ValueError(f"output_dir must be a folder, or a new name. Received {self.output_dir}, a file.")
        for model in filter(None, (self.model, self.untrained, self.compare)):
            folder = pathlib.Path(model).resolve()
            if folder.is_dir() and output.is_relative_to(folder):
                raise ValueError(f"output_dir must not lie in the model. Received {self.output_dir} in {model}.")
        if (self.null == "untrained") != bool(self.untrained):
            raise ValueError(
                "untrained, a saved model, must be given with null=untrained, and only with it. "
                f"Received null={self.null}, untrained={self.untrained}."
            )
        if self.swap and self.swap_results:
            raise ValueError(
                f"swap_results must not be given with swap, which finds them. Received {self.swap_results}."
            )


def model_file(model: str) -> pathlib.Path:
    """Returns the saved model that is meant: of the folder of a training run, the model in it."""
    run = RunDir(model)
    return run.model if run.config.is_file() and run.model.is_file() else run.path
