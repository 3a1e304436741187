"""How a trial's datasets become the batches it trains on."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from csft import data, model, summary
from csft.config import Config
from csft.job import Job

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def mixture(job: Job, tokenizer: "PreTrainedTokenizerBase") -> data.Mixture:
    """Prepare the datasets, cached by content, and draw the trial's mix from them."""
    config, settings = job.config, job.config.data
    with job.ranks.in_turn():
        prepared = data.prepare(
            data.chosen(config.mix),
            job.where.data,
            tokenizer,
            model.tokenizer_fingerprint(job.where.model),
            settings.template,
            exam_questions=job.splits,
            rules=data.ScreenRules(settings.near_duplicates, settings.exam_overlap),
            held_out=job.held_out,
            cache=job.where.cache,
        )
    summary.show_datasets(prepared, settings.root)
    how = data.CutOff(config.cutoff, settings.template, settings.mask_history, config.cutoff_policy)
    return data.Mixture(
        prepared, config.mix, how, config.epochs, config.seed, validation=config.train.validation
    )


@dataclass(frozen=True)
class Batches:
    """How a trial's rows become batches."""

    config: Config
    mixture: data.Mixture
    attention: str
    pad_id: int
    _epochs: dict[int, data.Plan] = field(default_factory=dict)

    def epoch(self, number: int) -> data.Plan:
        """The updates of an epoch, planned anew for each, and once for all who ask."""
        if number not in self._epochs:
            self._epochs[number] = self.plan(self.mixture.epoch(number), number)
        return self._epochs[number]

    def over(self, epochs: float) -> "Batches":
        """The same batches over another number of epochs; these here keep none of its plans."""
        mixture = self.mixture.over(epochs)
        return replace(self, mixture=mixture, _epochs={**self._epochs} if mixture is self.mixture else {})

    def plan(self, rows: Any, epoch: int = 0) -> data.Plan:
        """Batches of some rows, in a seeded order."""
        settings = self.config.train
        return data.batch_plan(
            self.mixture.rows.lengths,
            settings.batch,
            settings.batching,
            self.config.seed,
            epoch,
            micro_batch=settings.micro_batch,
            cutoff=self.config.cutoff,
            chosen=rows,
            attention=self.attention,
        )

    def collate(self, rows: Any) -> dict[str, Any]:
        """One micro-batch as tensors."""
        joined = data.joins(self.config.train.batching, self.attention)
        return data.collate(rows, self.pad_id, joined, self.attention)


def batches(job: Job, net: Any, tokenizer: Any, mixture: data.Mixture) -> Batches:
    """The batches of a mixture for this net; ModelError where it mixes up the records of a row."""
    made = Batches(job.config, mixture, net.config._attn_implementation, tokenizer.pad_token_id)
    if job.config.train.batching in data.SHARED_ROWS:
        model.check_apart(net, made.collate)
    return made
