"""Fine-tuning through transformers' Trainer, fed with planned updates."""

from signal import Signals
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback

from csft.config import Train
from csft.console import say
from csft.errors import DivergedError, MemoryFullError, StoppedError, TrainingError
from csft.ranks import ALONE, Ranks
from csft.stopping import AskedError, StopRequest, stop_requests
from csft.train import optimizers, schedules
from csft.train.checkpoints import Checkpoint, Checkpoints
from csft.train.course import Course
from csft.train.keeping import FitResult, Keeper, Sharing, restore_weights
from csft.train.loss import label_loss, runs_head_alone
from csft.train.progress import Log
from csft.train.sharding import in_forward, reseed, spread, sum_gradients, whole
from csft.train.speed import Meter
from csft.train.updates import NOTHING_LEFT, Collate, EpochPlan, Epochs, Rows, Update, Updates
from csft.train.visiting import NOBODY, Visit

__all__ = ["FitResult", "Rows", "fit"]

LESS_MEMORY = "Lower train.micro_batch or cutoff, set train.gradient_checkpointing=true, or take tune=lora."


def fit(
    net: PreTrainedModel,
    rows: Rows,
    epoch_plan: EpochPlan,
    collate: Collate,
    settings: Train,
    *,
    epochs: float,
    lr: float,
    seed: int,
    device: str,
    scratch: str,
    log: Log,
    checkpoints: Checkpoints | None = None,
    start: Checkpoint | None = None,
    meter: Meter | None = None,
    ranks: Ranks = ALONE,
    visit: Visit = NOBODY,
    sharing: Sharing | None = None,
) -> FitResult:
    """Train `net` in place, from a checkpoint where `start` gives one of this same training.

    `epoch_plan(epoch)` gives the micro-batches of each update and `collate` their tensors. After every update
    `log(step, values)` gets `train/loss`, `train/lr`, `train/grad_norm`, `train/epoch` and what `meter`
    measures; then it is the turn of `visit`, which changes nothing. `sharing` is given the state after some
    updates, for trainings that go on from there in another way. `scratch` is a folder the Trainer may
    write to. Several processes (`ranks`) call it alike; under fsdp only the first one's `net` holds weights
    afterwards. Raises DivergedError when a loss or gradient is not finite, StoppedError after SIGTERM or
    Ctrl-C, both with the state kept; TrainingError when there is nothing to train on, MemoryFullError where
    memory does not suffice.
    """
    set_seed(seed)
    if device.startswith("cuda:"):
        torch.cuda.set_device(device)  # accelerate has no other word for it
    plan = Epochs(epoch_plan, epochs)
    keeper = Keeper(checkpoints, start, settings, device, end=len(plan), ranks=ranks, sharing=sharing)
    if not len(plan):
        raise TrainingError(NOTHING_LEFT)
    updates = Updates(rows, plan, collate, keeper.done.halvings, ranks)
    if len(updates) > keeper.done.updates:
        course = Course(keeper, plan, log, meter or Meter(device), visit)
        left = len(updates) - keeper.done.updates
        arguments = _arguments(settings, lr=lr, seed=seed, device=device, scratch=scratch, updates=left)
        with spread(net, ranks) as trained:
            _train(_Loop(trained, updates, settings, arguments, course=course))
    elif start:
        restore_weights(start, net)
    return keeper.done


def _train(loop: "_Loop") -> None:
    """Do the updates that are left; whatever ends them early, the state before it is kept."""
    keeper, net = loop.keeper, loop.net
    if loop.settings.gradient_checkpointing:
        net.gradient_checkpointing_enable()
    try:
        with stop_requests() as loop.stop:
            loop.train()
    except AskedError as asked:
        kept = keeper.keep()
        state = f"the state is kept in {kept.folder}" if kept else "nothing was done yet or could be kept"
        when = f"after update {keeper.done.updates} of {len(loop.updates)}"
        raise StoppedError(asked.by, when, state) from None
    except DivergedError:
        keeper.keep_finite()
        raise
    except torch.OutOfMemoryError as error:
        raise MemoryFullError(f"The memory of {loop.args.device} is full ({error}). {LESS_MEMORY}") from error
    finally:
        net.config.use_cache = loop.use_cache
        loop.course.close()
    keeper.keep()


def _arguments(
    settings: Train, *, lr: float, seed: int, device: str, scratch: str, updates: int
) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=scratch,
        max_steps=updates,
        learning_rate=lr,
        max_grad_norm=settings.clip,
        seed=seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        average_tokens_across_devices=False,  # an update knows the tokens of all processes
        use_cpu=device == "cpu",
    )
    # The Trainer would take the first GPU, or spread one process over all of them.
    arguments._setup_devices, arguments._n_gpu = torch.device(device), int(device != "cpu")
    return arguments


class _Hooks(TrainerCallback):
    """The course of a training, at the places where the Trainer calls back."""

    def __init__(self, course: Course) -> None:
        self.course, self._begun = course, False

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Not before: making the loader draws a random number."""
        if not self._begun:
            self._begun = True
            optimizer = getattr(given["optimizer"], "optimizer", given["optimizer"])  # accelerate wraps it
            self.course.begin(given["model"], optimizer, given["lr_scheduler"])

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.course.counted()

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        logs = given["logs"]
        if "loss" in logs:  # the Trainer's summary at the end has none
            self.course.logged(*(float(logs[name]) for name in ("loss", "learning_rate", "grad_norm")))


class _Loop(Trainer):
    """The Trainer, with a whole update for what it takes for a batch, from wherever a checkpoint left off."""

    def __init__(
        self,
        net: PreTrainedModel,
        updates: Updates,
        settings: Train,
        arguments: TrainingArguments,
        *,
        course: Course,
    ) -> None:
        self.use_cache = net.config.use_cache  # the Trainer changes what the checkpoint's own config says
        self.course, self.keeper = course, course.keeper
        left = Subset(updates, range(self.keeper.done.updates, len(updates)))
        super().__init__(model=net, args=arguments, train_dataset=left, callbacks=[_Hooks(course)])
        self.remove_callback(PrinterCallback)
        self.net, self.updates, self.settings = net, updates, settings
        self.stop = StopRequest()
        self.ranks, self._seed = updates.ranks, arguments.seed
        self._label_loss = in_forward(net, label_loss, self.ranks) if runs_head_alone(net) else None

    def get_train_dataloader(self) -> "DataLoader[Any]":
        return DataLoader(self.train_dataset, batch_size=None, shuffle=False)

    def create_optimizer(self, model: Any = None) -> Any:
        if self.optimizer is None:
            rate, decay = self.args.learning_rate, self.settings.weight_decay
            self.optimizer: Any = optimizers.build(model or self.model, self.settings.optimizer, rate, decay)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.lr_scheduler is None:
            total = len(self.updates)  # of all, not of those that are left
            self.lr_scheduler: Any = schedules.build(optimizer or self.optimizer, self.settings, total)
        return self.lr_scheduler

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        model.train()
        reseed(self.ranks, self._seed, self.keeper.done.updates, each=True)  # of dropout
        while True:
            try:
                total = self._accumulate(model, inputs)
                break
            except torch.OutOfMemoryError as error:
                if self.ranks.count > 1:
                    raise  # the other processes are in the middle of a pass
                full = str(error)
            # Out of the handler, whose traceback held the tensors that filled the memory.
            inputs = self._halved(inputs, full)
        reseed(self.ranks, self._seed, self.keeper.done.updates, each=False)  # of stochastic rounding
        self.ranks.sum(total)
        sum_gradients(model.parameters(), self.ranks)
        self.keeper.check("loss", float(total))
        self.keeper.doing(float(total), inputs["counts"])
        return total

    def _accumulate(self, model: nn.Module, update: Update) -> Tensor:
        """Forward and backward of every micro-batch; the sum is the update's loss."""
        total = torch.zeros((), device=self.args.device)
        for micro_batch in update["micro_batches"]:
            if asked := self.ranks.highest(self.stop.signal or 0):
                raise AskedError(Signals(asked))
            ready = self._prepare_inputs(micro_batch)
            with self.compute_loss_context_manager():
                loss = self._loss(model, ready, update["counts"].trained_tokens)
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _loss(self, model: nn.Module, micro_batch: dict[str, Tensor], trained_tokens: int) -> Tensor:
        if self._label_loss:
            return self._label_loss(micro_batch, trained_tokens)
        total = torch.tensor(trained_tokens, device=self.args.device)
        ready = {**micro_batch, "use_cache": False}  # as in label_loss
        loss: Tensor = self.compute_loss(model, ready, num_items_in_batch=total)
        return loss

    def _halved(self, update: Update, full: str) -> Update:
        """The same update in micro-batches of half the size, which stays so for those that follow."""
        self.updates.halvings += 1
        again = self.updates[self.keeper.done.updates]
        if len(again["micro_batches"]) == len(update["micro_batches"]):
            raise MemoryFullError(
                f"One record alone fills the memory of {self.args.device} ({full}). {LESS_MEMORY}"
            )
        say(f"the memory of {self.args.device} is full: micro-batches are halved, updates stay ({full})")
        self.keeper.done.halvings = self.updates.halvings
        self.model.zero_grad()
        torch.cuda.empty_cache()
        return again

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        norm = whole(super()._clip_grad_norm(model))
        self.keeper.check("gradient norm", float(norm))
        return norm

    def floating_point_ops(self, inputs: Any) -> int:
        return 0  # the Trainer's estimate reads one batch's ids; an update holds several
