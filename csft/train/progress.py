"""A bar for a person, and every update's numbers for the run folder."""

from collections.abc import Callable

from csft.console import bar
from csft.train.keeping import Keeper
from csft.train.speed import Meter
from csft.train.updates import Epochs

Log = Callable[[int, dict[str, float]], None]


class Progress:
    """Logs loss, learning rate, gradient norm and speed of every update that `keeper` has counted."""

    def __init__(self, log: Log, plan: Epochs, keeper: Keeper, meter: Meter, name: str = "training") -> None:
        self.log, self.plan, self.keeper, self.meter = log, plan, keeper, meter
        self.bar = bar(name, "update", len(plan), done=keeper.done.updates)

    def begin(self) -> None:
        """Start the clock."""
        self.meter.start()

    def updated(self, loss: float, lr: float, norm: float, seconds: float | None = None) -> None:
        """Log an update and its speed, by default over the time since the last one."""
        updates, counts = self.keeper.done.updates, self.keeper.counts
        speed = self.meter.update(counts.tokens, counts.trained_tokens, seconds, counts.squares)
        values = {
            "train/loss": loss,
            "train/lr": lr,
            "train/grad_norm": norm,
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
