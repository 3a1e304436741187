"""Fine-tuning through transformers' Trainer, fed with planned updates."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback

from csft.config import Train
from csft.console import bar
from csft.errors import TrainingError
from csft.train.loss import label_loss, runs_head_alone
from csft.train.updates import Collate, EpochPlan, Epochs, Rows, Updates

__all__ = ["FitResult", "Rows", "fit"]

Log = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class FitResult:
    """What training did. Losses are means over the trained tokens of one update."""

    updates: int
    tokens: int  # seen, padding not counted
    trained_tokens: int  # with a label
    seconds: float
    first_loss: float
    last_loss: float

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second, padding not counted."""
        return self.tokens / self.seconds if self.seconds else 0.0


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
) -> FitResult:
    """Train `net` in place.

    `epoch_plan(epoch)` gives the micro-batches of each update and `collate` their tensors. After every update
    `log(step, values)` gets `train/loss`, `train/lr`, `train/grad_norm` and `train/epoch`; `scratch` is a
    folder the Trainer may write to. Raises TrainingError when the loss is not finite or there is nothing to
    train on.
    """
    set_seed(seed)
    use_cache = net.config.use_cache
    if settings.gradient_checkpointing:
        net.gradient_checkpointing_enable()
    plan = Epochs(epoch_plan, epochs)
    updates = Updates(rows, plan, collate)
    if not len(updates):
        raise TrainingError("mix: no record with a trained token is left; add datasets or raise cutoff.")
    loop = _Loop(
        model=net,
        args=_arguments(settings, lr=lr, seed=seed, device=device, scratch=scratch, updates=len(updates)),
        train_dataset=updates,
        callbacks=[_Progress(log, plan)],
    )
    loop.remove_callback(PrinterCallback)
    started = time.perf_counter()
    loop.train()
    net.config.use_cache = use_cache  # the Trainer changed what the checkpoint's own config says
    return FitResult(
        updates=len(updates),
        tokens=loop.tokens,
        trained_tokens=loop.trained_tokens,
        seconds=time.perf_counter() - started,
        first_loss=loop.losses[0],
        last_loss=loop.losses[-1],
    )


def _arguments(
    settings: Train, *, lr: float, seed: int, device: str, scratch: str, updates: int
) -> TrainingArguments:
    return TrainingArguments(
        output_dir=scratch,
        max_steps=updates,
        learning_rate=lr,
        lr_scheduler_type=settings.schedule,
        warmup_steps=math.ceil(updates * settings.warmup),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        optim="adamw_torch",
        seed=seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=device == "cpu",
    )


class _Loop(Trainer):
    """The Trainer with one change: what it takes for a batch is a whole update."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tokens = self.trained_tokens = 0
        self.losses: list[float] = []
        self._head_alone = runs_head_alone(self.model)

    def get_train_dataloader(self) -> "DataLoader[Any]":
        return DataLoader(self.train_dataset, batch_size=None, shuffle=False)

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        model.train()
        total = torch.zeros((), device=self.args.device)
        for micro_batch in inputs["micro_batches"]:
            ready = self._prepare_inputs(micro_batch)
            with self.compute_loss_context_manager():
                loss = self._loss(model, ready, inputs["trained_tokens"])
            self.accelerator.backward(loss)
            total += loss.detach()
        self._note(float(total), inputs)
        return total

    def _loss(self, model: nn.Module, micro_batch: dict[str, Tensor], trained_tokens: int) -> Tensor:
        if self._head_alone:
            return label_loss(model, micro_batch, trained_tokens)
        total = torch.tensor(trained_tokens, device=self.args.device)
        ready = {**micro_batch, "use_cache": False}  # as in label_loss
        loss: Tensor = self.compute_loss(model, ready, num_items_in_batch=total)
        return loss

    def _note(self, loss: float, update: Any) -> None:
        if not math.isfinite(loss):
            last = f"; the last finite loss was {self.losses[-1]:.4g}" if self.losses else ""
            raise TrainingError(f"The loss is {loss} at update {len(self.losses) + 1}{last}. Lower lr.")
        self.losses.append(loss)
        self.tokens += update["tokens"]
        self.trained_tokens += update["trained_tokens"]

    def floating_point_ops(self, inputs: Any) -> int:
        return 0  # the Trainer's estimate reads one batch's ids; an update holds several


class _Progress(TrainerCallback):
    """A bar for a person, and every update's numbers for the run folder."""

    def __init__(self, log: Log, plan: Epochs) -> None:
        self.log, self.plan = log, plan
        self.bar = bar("training", "update", len(plan))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **objects: Any) -> None:
        if "loss" not in logs:
            return  # the summary at the end
        step = state.global_step
        values = {
            "train/loss": float(logs["loss"]),
            "train/lr": float(logs["learning_rate"]),
            "train/grad_norm": float(logs["grad_norm"]),
            "train/epoch": self.plan.passed(step),
        }
        self.log(step, values)
        self.bar.set_postfix(loss=f"{values['train/loss']:.3f}", refresh=False)
        self.bar.update(step - self.bar.n)

    def on_train_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        self.bar.close()
