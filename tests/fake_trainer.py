"""Stands in for `python -m lsn_tf.train` in the tests of crossval: takes its flags, writes its files, learns nothing.

The environment says what befalls the run whose folder ends in a name: FAKE_FAILS, FAKE_COLLAPSES, or FAKE_HANGS (until
it is killed, if it was not resumed).
"""

import json
import os
import pathlib
import random
import shlex
import sys
import time

FIRST_VOLUMES = (0, 27, 53, 79, 105)  # of the folds
BASE = {"lse": 0.6, "lsn": 0.8, "unet": 0.9}


def main(arguments: list[str]) -> None:
    flags = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    run = pathlib.Path(flags["run_dir"])
    with (run.parent / "commands.txt").open("a") as file:
        file.write(shlex.join(arguments) + "\n")
    if "resume" in flags:
        config = json.loads((run / "config.json").read_text())
    else:
        numbers = {name: int(flags.get(name, 0)) for name in ("fold", "seed", "epochs")}
        config = {"model": flags["model"], "dataset": flags["dataset"], **numbers, "command": shlex.join(arguments)}
        config["window_hu"] = [float(end) for end in flags.get("window_hu", "-100,400").split(",")]
        run.mkdir(parents=True)
        (run / "config.json").write_text(json.dumps(config))
    if befalls("FAILS", run):
        sys.exit("the disk is full.")
    if befalls("COLLAPSES", run):
        (run / "failure.json").write_text(json.dumps({"collapses": ["seed 0: the masks fill 99%"]}))
        sys.exit("training collapsed twice")
    if befalls("HANGS", run) and "resume" not in flags:
        print(os.getpid(), flush=True)
        time.sleep(600)
    score(run, config)


def befalls(what: str, run: pathlib.Path) -> bool:
    name = os.environ.get(f"FAKE_{what}")
    return bool(name) and run.name.endswith(name)


def score(run: pathlib.Path, config: dict) -> None:
    draw = random.Random(f"{config['model']} {config['fold']} {config['seed']}")
    first, base = FIRST_VOLUMES[config["fold"]], BASE[config["model"].partition(":")[0]]
    scores = [round(base + draw.uniform(-0.05, 0.05), 6) for _ in range(6)]
    rows = [f"{first + n},{config['fold']},{dice},{n}.5" for n, dice in enumerate(scores)]
    (run / "dice.csv").write_text("\n".join(["volume_id,fold,dice,hd95_mm", *rows]) + "\n")
    mean = {"dice_per_scan_mean": round(sum(scores) / 6, 4), "hd95_mm_mean": 3.0}
    about = {"parameters": 100, "seconds_train": 2.0, "image_size": 128, "machine": "fake"}
    results = {**mean, **about, **{name: config[name] for name in ("model", "fold", "seed")}}
    (run / "certificate.json").write_text(json.dumps({"certified": base < 0.7}))
    (run / "model.keras").touch()
    (run / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
