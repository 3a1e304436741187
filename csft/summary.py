"""What a trial tells a person on the terminal: what was chosen and drawn, how it scored, what to do next."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from csft.cmb import SUB_EXAMS
from csft.config import Config
from csft.console import print_table, say, table
from csft.data import Drawn, Mixture, Plan, Prepared, Truncation, waste
from csft.exam import Scores
from csft.result import ALL, TrialResult

if TYPE_CHECKING:
    from rich.table import Table

DRAWN = ("of", "records", "tokens", "share of tokens")
# Fields of data.Truncation: records that lose something of the kind.
LOSSES = ("turns", "question", "options", "marker", "answer", "statement", "untrained", "dropped")
SHARES = ("repetition", "unfinished")  # fields of chat.Figures that are printed in percent


def show_choices(config: Config, device: str, size: str, attention: str, reason: str) -> None:
    """Name what was chosen for the machine and the model."""
    say(f"  device     {device} (site={config.site.name})")
    say(f"  model      {config.model.name}: {size}, {config.model.dtype}")
    say(f"  attention  {attention} ({reason})")


def show_datasets(prepared: Mapping[str, Prepared], root: str) -> None:
    """Tell what was set aside, dataset by dataset and reason by reason, and where it is listed."""
    aside = {name: {**made.rejects, **made.doubles} for name, made in prepared.items()}
    for name, reasons in aside.items():
        if reasons:
            why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
            say(f"  set aside  {name}: {sum(reasons.values())} of {prepared[name].read} records ({why})")
    if any(aside.values()):
        say(f"             python -m csft.data screen root={root} says where each of them is listed")


def show_mix(mixture: Mixture, config: Config, plan: Plan) -> None:
    """Print what the mix draws in the first epoch and what the cut-off takes from the records drawn."""
    drawn = {one.dataset: [f"{one.pool:,}", *_drawn(one)] for one in mixture.table}
    sums = [sum(getattr(one, field) for one in mixture.table) for field in ("pool", "records", "tokens")]
    _by_dataset(f"mix={config.mix.name}: drawn per epoch", DRAWN, drawn, [f"{count:,}" for count in sums])
    title = f"cutoff={config.cutoff} tokens ({config.cutoff_policy}): records that lose something"
    lost = {name: _losses(cost) for name, cost in mixture.rows.truncation.items()}
    _by_dataset(title, ("records", "tokens", *LOSSES), lost, _losses(mixture.truncation))
    rows = f"{config.train.batch} {'rows' if config.train.batching == 'best_fit' else 'records'}"
    padding = 100 * waste(mixture.rows.lengths, plan)
    say(f"  batches    {config.train.batching}: {rows} per update, {padding:.1f} % padding")
    if held_out := len(mixture.held_out):
        say(f"  validation {held_out:,} of {len(mixture.rows):,} different records are not trained on")


def _by_dataset(
    title: str, headings: Sequence[str], cells: Mapping[str, Sequence[str]], in_all: Sequence[str]
) -> None:
    shown = table(title, "dataset", *headings)
    for name, row in cells.items():
        shown.add_row(name, *row)
    if len(cells) > 1:
        shown.add_section()
        shown.add_row("in all", *in_all)
    print_table(shown)


def _drawn(one: Drawn) -> list[str]:
    return [f"{one.records:,}", f"{one.tokens:,}", f"{100 * one.share:.1f} %"]


def _losses(cost: Truncation) -> list[str]:
    removed = 100 * (cost.tokens_before - cost.tokens_after) / max(cost.tokens_before, 1)
    return [f"{cost.records:,}", f"-{removed:.1f} %", *(f"{getattr(cost, field):,}" for field in LOSSES)]


def show(result: TrialResult, config: Config) -> None:
    """Print scores against the untrained base, where things are, and what to type next."""
    if result.scores:
        print_table(_scores_table(result))
    _show_totals(result)
    _show_talk(result)
    saved = "model" if config.tune.method == "full" else "adapter"
    say(f"run folder   {result.folder}")
    if (result.folder / saved).is_dir():
        say(f"{saved:<12} {result.folder / saved}")
    say("next         python -m csft.run -m +mix=full cutoff=128,256,512   (one trial per cut-off)")
    say("             python -m csft.run +mix=full tune=lora lr=4e-3       (adapters instead of all weights)")


def _scores_table(result: TrialResult) -> "Table":
    headings = [heading for split in result.scores for heading in (f"{split} n", "base", "tuned", "interval")]
    shown = table("CMB, percent right: untrained base, tuned model, 95 % interval", "sub-exam", *headings)
    for sub in SUB_EXAMS:
        if any(sub.key in scores.by_sub_exam for scores in result.scores.values()):
            shown.add_row(f"{sub.exam_type} {sub.exam_class}", *_cells(result, sub.key))
    shown.add_section()
    for sub_type in dict.fromkeys((sub.exam_type, sub.exam_type_key) for sub in SUB_EXAMS):
        if any(sub_type[1] in scores.by_exam_type for scores in result.scores.values()):
            shown.add_row(sub_type[0], *_cells(result, sub_type[1]))
    shown.add_section()
    shown.add_row("total (micro)", *_cells(result, "total"))
    macro = [
        cell for split, scores in result.scores.items() for cell in _macro(result.base.get(split), scores)
    ]
    shown.add_row("mean of sub-exams (macro)", *macro)
    return shown


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
        + (f", {done['validation_loss']:.3f} on the validation share" if "validation_loss" in done else "")
    )


def _show_talk(result: TrialResult) -> None:
    """How the model talks before and after; nothing where no dialogue is held out."""
    if not result.chat:
        return
    before, after = result.base_chat[ALL], result.chat[ALL]
    loss = f"{before.loss:.3f} → {after.loss:.3f} per answer token"
    length = f"{before.length:.0f} → {after.length:.0f} tokens ({after.length_reference:.0f} in the data)"
    again, endless = ([100 * getattr(one, name) for one in (before, after)] for name in SHARES)
    say(f"conversation loss {loss}, untrained → tuned, on {after.dialogues} dialogues not trained on")
    say(
        f"             sampled answers {length}, repeated {again[0]:.1f} → {again[1]:.1f} %, "
        f"without an end {endless[0]:.0f} → {endless[1]:.0f} %"
    )
