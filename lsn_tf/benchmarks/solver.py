"""Steps of the level set equation against the tools that people use, in batches, over sizes, and memory."""

import pathlib
import subprocess
import sys
from collections.abc import Callable

import numpy as np
from keras import ops

from lsn_tf.benchmarks.timing import Row, medians_in_turns, size, time_rows
from lsn_tf.layers import LevelSetStep, Reinitialization
from lsn_tf.solver.marching import march_of
from lsn_tf.solver.solving import solve
from lsn_tf.solver.stopping import Stopping
from lsn_tf.studies.peers import Problem, expanding_contour, peers

STEPS = 100
SHAPES = ((128, 128), (256, 256), (512, 512), (64, 64, 64), (128, 128, 128))
BATCH_SHAPES = ((64, 64), (128, 128), (256, 256))
GROWTH_STEPS = (50, 100, 200, 400)
LARGE = (96, 256, 256)  # in which a small front is followed by an active box
TINY = (16, 16)
MEMORY_SHAPES = ((2048, 2048), (256, 256, 256))
CFL = 0.9


def measure(repeats: int, **_) -> list[Row]:
    """Times the solver against others, in batches, over sizes and steps, and with an active box; measures memory."""
    rows = []
    for shape in SHAPES:
        problem = expanding_contour(shape)
        works = {f"lsn_tf, {STEPS} steps": our_steps(problem, STEPS), **dict(peers(problem, STEPS))}
        rows += time_rows(size(shape), medians_in_turns(works, repeats))
    for shape in BATCH_SHAPES:
        problem = expanding_contour(shape)
        times = medians_in_turns({n: our_steps(problem, STEPS, n) for n in (1, 4, 16)}, repeats)
        rows += time_rows(f"batches of {size(shape)}, a slice", {f"{n} at a time": t / n for n, t in times.items()})
    problem = expanding_contour((256, 256))
    times = medians_in_turns({n: our_steps(problem, n) for n in GROWTH_STEPS}, repeats)
    rows += time_rows("steps at 256 x 256, a step", {f"{n} steps": t / n for n, t in times.items()})
    rows += _active_rows(repeats)
    return rows + _memory_rows()


def our_steps(problem: Problem, steps: int, batch: int = 1) -> Callable[[], np.ndarray]:
    """Returns a function that makes Godunov steps with curvature on a batch of copies of a problem."""
    ndim = problem.phi.ndim
    march = march_of(LevelSetStep(), (1,) * (ndim + 2))
    phi, speed = (ops.stack([ops.convert_to_tensor(a[..., None])] * batch) for a in (problem.phi, problem.speed))
    fields, spacing = {"speed": speed, "curvature_weight": problem.curvature * speed}, ops.ones((batch, ndim))
    time_step = march.stable_time_step(fields, spacing, CFL)
    return lambda: ops.convert_to_numpy(march(phi, fields, spacing, time_step, steps))


def _active_rows(repeats: int) -> list[Row]:
    """Times a small front in a large volume until T, on the whole and in its active box."""
    small = expanding_contour((LARGE[0] // 2,) * 3)
    phi = np.full(LARGE, small.phi.max() + 10, np.float32)
    phi[tuple(slice(0, n) for n in small.phi.shape)] = small.phi
    fields, spacing = {"speed": np.ones((1, *LARGE, 1), np.float32)}, np.ones((1, 3))

    def until_t(active):
        return solve(
            phi[None, ..., None], fields, spacing, active=active, reinitialization=Reinitialization(10),
            stopping=Stopping(max_steps=20, check_every=10, rms_mm=0, max_mm=0, frame_share=None),
        )  # fmt: skip

    works = {"the whole volume": lambda: until_t(False), "the active box": lambda: until_t(True)}
    return time_rows(f"a small front in {size(LARGE)}, 20 steps", medians_in_turns(works, min(repeats, 3)))


def _memory_rows() -> list[Row]:
    """Measures the peak of a fresh process that makes a few steps, beyond that of one with a tiny image; on Linux."""
    if not pathlib.Path("/proc/self/status").is_file():
        return []
    rows, tiny = [], _peak_mib(TINY)
    for shape in MEMORY_SHAPES:
        mib, pixels = max(_peak_mib(shape) - tiny, 0.0), int(np.prod(shape))
        row = {"group": "memory of a process at its peak", "what": size(shape), "mib": round(mib, 1)}
        rows.append({**row, "bytes_per_pixel": round(mib * 2**20 / pixels, 1)})
    return rows


def _peak_mib(shape: tuple[int, ...]) -> float:
    """Returns the peak memory of a process that has made 10 steps."""
    code = "import pathlib, re; from lsn_tf.benchmarks import solver; "
    code += f"solver.our_steps(solver.expanding_contour({shape}), 10)(); "
    code += "print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text()).group(1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024
