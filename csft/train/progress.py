"""A bar for a person, and every update's numbers for the run folder."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from csft.console import bar
from csft.train.keeping import Keeper
from csft.train.speed import Meter
from csft.train.updates import Epochs

Log = Callable[[int, dict[str, float]], None]


class Progress(TrainerCallback):
    """Logs loss, learning rate, gradient norm and speed of every update that `keeper` has counted."""

    def __init__(self, log: Log, plan: Epochs, keeper: Keeper, meter: Meter) -> None:
        self.log, self.plan, self.keeper, self.meter = log, plan, keeper, meter
        self.bar = bar("training", "update", len(plan), done=keeper.done.updates)

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Start the clock."""
        self.meter.start()

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Log an update; the Trainer's summary at the end is none."""
        logs, updates, counts = given["logs"], self.keeper.done.updates, self.keeper.counts
        if "loss" not in logs:
            return
        speed = self.meter.update(counts.tokens, counts.trained_tokens, squares=counts.squares)
        values = {
            "train/loss": float(logs["loss"]),
            "train/lr": float(logs["learning_rate"]),
            "train/grad_norm": float(logs["grad_norm"]),
            "train/epoch": self.plan.passed(updates),
            **speed,
        }
        self.log(updates, values)
        shown = {"loss": f"{values['train/loss']:.3f}", "tokens/s": f"{speed['train/tokens_per_s']:,.0f}"}
        if "train/mfu_percent" in speed:
            shown["MFU"] = f"{speed['train/mfu_percent']:.0f} %"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update(updates - self.bar.n)

    def go_on(self) -> None:
        """Leave the time since the last update out of speed and time left."""
        self.meter.go_on()
        self.bar.unpause()

    def close(self) -> None:
        """Take the bar off, however training ended."""
        self.bar.close()
