"""What surrounds the updates of one training, alone or with others: state kept, numbers logged, visits."""

from typing import Any

from csft.train.keeping import Keeper
from csft.train.progress import Log, Progress
from csft.train.speed import Meter
from csft.train.updates import Epochs
from csft.train.visiting import Visit, Visitor


class Course:
    """One training from its first update to its last; each update is counted, then logged."""

    def __init__(
        self, keeper: Keeper, plan: Epochs, log: Log, meter: Meter, visit: Visit, *, name: str = "training"
    ) -> None:
        self.keeper = keeper
        self.progress = Progress(log, plan, keeper, meter, name)
        self.visitor = Visitor(visit, plan, keeper, self.progress)

    def begin(self, net: Any, optimizer: Any, schedule: Any) -> None:
        """Restore the state that training goes on from, and catch up on an exam; then comes an update."""
        self.keeper.begin(net, optimizer, schedule)
        self.progress.begin()
        self.visitor.begin()

    def counted(self, seconds: float | None = None) -> None:
        """The optimiser has stepped; the update took `seconds`, by default the time since the last one."""
        self.keeper.counted(seconds)

    def logged(self, loss: float, lr: float, norm: float, seconds: float | None = None) -> None:
        """Log the update that was counted, keep it when that is due, and let who looks on look on."""
        self.progress.updated(loss, lr, norm, seconds)
        self.keeper.logged()  # a checkpoint of update n follows row n
        self.visitor.updated()  # what it ends is kept already

    def close(self) -> None:
        """Take the bar off, however training ended."""
        self.progress.close()
