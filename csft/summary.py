"""What a trial tells a person on the terminal: what was chosen and drawn, how it scored, what to do next."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from csft.cmb import SUB_EXAMS
from csft.config import Config
from csft.console import say
from csft.data import Prepared, TrainingSet, batch_plan, waste
from csft.exam import Scores
from csft.result import TrialResult

WIDTH = 110  # columns of a table when the output is no terminal


def show_choices(config: Config, device: str, size: str, attention: str, reason: str) -> None:
    """Name what was chosen for the machine and the model."""
    say(f"  device     {device} (site={config.site.name})")
    say(f"  model      {config.model.name}: {size}, {config.model.dtype}")
    say(f"  attention  {attention} ({reason})")


def show_datasets(prepared: Mapping[str, Prepared]) -> None:
    """Tell what was set aside, dataset by dataset and reason by reason."""
    for name, made in prepared.items():
        if made.rejects:
            why = ", ".join(f"{count} {reason}" for reason, count in made.rejects.items())
            say(f"  set aside  {name}: {made.read - made.kept} of {made.read} records ({why})")


def show_mix(rows: TrainingSet, config: Config) -> None:
    """Print what the mix drew and what the cut-off took from it."""
    table = _table(f"mix={config.mix.name}, cutoff={config.cutoff} tokens")
    table.add_column("dataset")
    for heading in ("records", "tokens", "cut off", "question cut", "conclusion lost", "untrained"):
        table.add_column(heading, justify="right")
    for name, cost in rows.truncation.items():
        removed = cost.tokens_before - cost.tokens_after
        share = f"{100 * removed / max(cost.tokens_before, 1):.1f} %"
        table.add_row(
            name, f"{cost.records:,}", f"{cost.tokens_after:,}", share,
            f"{cost.question:,}", f"{cost.conclusion:,}", f"{cost.untrained:,}",
        )  # fmt: skip
    table.add_section()
    table.add_row("in all", f"{len(rows):,}", f"{int(rows.lengths.sum()):,}", "", "", "", "")
    _print(table)
    batching = config.train.batching
    plan = batch_plan(rows.lengths, config.train.micro_batch, batching, config.seed)
    padding = 100 * waste(rows.lengths, plan, batching)
    say(f"  batches    {batching}: {config.train.batch} records per update, {padding:.1f} % padding")


def show(result: TrialResult, config: Config) -> None:
    """Print scores against the untrained base, where things are, and what to type next."""
    if result.scores:
        _print(_scores_table(result))
    _show_totals(result)
    saved = "model" if config.tune.method == "full" else "adapter"
    say(f"run folder   {result.folder}")
    if (result.folder / saved).is_dir():
        say(f"{saved:<12} {result.folder / saved}")
    say("next         python -m csft.run -m +mix=full cutoff=128,256,512   (one trial per cut-off)")
    say("             python -m csft.run +mix=full tune=lora lr=4e-3       (adapters instead of all weights)")


def _scores_table(result: TrialResult) -> Table:
    table = _table("CMB, percent right: untrained base, tuned model, 95 % interval")
    table.add_column("sub-exam")
    for split in result.scores:
        for heading in (f"{split} n", "base", "tuned", "interval"):
            table.add_column(heading, justify="right")
    for sub in SUB_EXAMS:
        if any(sub.key in scores.by_sub_exam for scores in result.scores.values()):
            table.add_row(f"{sub.exam_type} {sub.exam_class}", *_cells(result, sub.key))
    table.add_section()
    for sub_type in dict.fromkeys((sub.exam_type, sub.exam_type_key) for sub in SUB_EXAMS):
        if any(sub_type[1] in scores.by_exam_type for scores in result.scores.values()):
            table.add_row(sub_type[0], *_cells(result, sub_type[1]))
    table.add_section()
    table.add_row("total (micro)", *_cells(result, "total"))
    macro = [
        cell for split, scores in result.scores.items() for cell in _macro(result.base.get(split), scores)
    ]
    table.add_row("mean of sub-exams (macro)", *macro)
    return table


def _cells(result: TrialResult, part: str) -> list[str]:
    cells = []
    for split, scores in result.scores.items():
        figure, base = scores.figures.get(part), result.base.get(split)
        if figure is None:
            cells += [""] * 4
            continue
        before = f"{base.figures[part].percent:.1f}" if base else ""
        cells += [str(figure.n), before, f"{figure.percent:.1f}", f"{figure.low:.0f} to {figure.high:.0f}"]
    return cells


def _macro(base: Scores | None, scores: Scores) -> list[str]:
    return ["", f"{base.macro:.1f}" if base else "", f"{scores.macro:.1f}", ""]


def _show_totals(result: TrialResult) -> None:
    for split, scores in result.scores.items():
        chance = "" if scores.random_percent is None else f", guessing {scores.random_percent:.1f}"
        unparsed = f", {scores.unparsed} answers could not be read" if scores.unparsed else ""
        say(
            f"{split:<12} {scores.total:.2f} % of {scores.n} questions; always {scores.best_letter} "
            f"{scores.best_letter_percent:.1f}{chance}{unparsed}"
        )
    done: dict[str, Any] = result.training
    say(
        f"training     {done['updates']} updates, {done['tokens']:,} tokens in {done['seconds']:.0f} s "
        f"({done['tokens_per_s']:,.0f} tokens/s), loss {done['first_loss']:.3f} to {done['last_loss']:.3f}"
    )


def _table(title: str) -> Table:
    say(f"\n{title}")
    return Table(box=None, pad_edge=False, header_style="bold")


def _print(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    console.print(table)
