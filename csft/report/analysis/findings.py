"""The findings in sentences, the answer first."""

from collections import Counter

from csft.exam.comparison import ALPHA
from csft.report.analysis import BETTER, UNDECIDED, WORSE, Effect, Rival, Winner
from csft.report.analysis.axes import SHARE
from csft.report.analysis.holm import holm
from csft.report.analysis.papers_setting import the_papers
from csft.report.saying import chance, listed, percent, points, several, value
from csft.report.study_data import SELECT, TEST, StudyData

NOBODY = "No trial of this study has finished within its limits, so there is no winner."


def answer(data: StudyData, winner: Winner | None, effects: tuple[Effect, ...]) -> tuple[str, ...]:
    """What the study found, the most important first."""
    if winner is None:
        return (NOBODY, *_of_effects(effects))
    split = TEST if TEST in winner.scores else SELECT
    sentences = [
        _who(data, winner),
        *_rivals(winner, split),
        *_base(winner, split),
        *_paper(data, winner, split),
    ]
    return (*sentences, *_of_effects(effects), *_trade_offs(data))


def chosen_by_score(data: StudyData) -> bool:
    """Whether the winner is the trial that scored best on select."""
    return data.objectives[:1] == ("score",)


def _who(data: StudyData, winner: Winner) -> str:
    trial = data.trial(winner.trial)
    by_score = chosen_by_score(data)
    asked = {
        SELECT: "on select, the {n} questions that chose it"
        if by_score
        else "on the {n} questions of select",
        TEST: "on test, whose {n} questions chose nothing",
    }
    scores = [
        f"{percent(winner.scores[split])} {text.format(n=f'{winner.scores[split].n:,}')}"
        for split, text in asked.items()
        if split in winner.scores
    ]
    setting = f" ({trial.setting})" if trial.setting else ""
    over = f", over {len(trial.runs)} seeds," if len(trial.runs) > 1 else ""
    told = ", and ".join(scores) or "no answers left to judge it by"
    return f"Trial {trial.number}{setting} wins{over} with {told}."


def _rivals(winner: Winner, split: str) -> list[str]:
    here = [one for one in winner.rivals if one.split == split]
    if not here:
        return ["No other trial has finished, so there is nothing that it could be better than."]
    count = Counter(one.standing for one in here)
    said = [f"significantly better than {count[BETTER] or 'none'}"]
    said += [f"significantly worse than {count[WORSE]}"] if count[WORSE] else []
    said += [f"not to be told apart from {count[UNDECIDED]}"] if count[UNDECIDED] else []
    return [
        f"Of {several(len(here), 'other finished trial')} it is {listed(said)} (on {split}, exact tests on "
        "the same questions, corrected for their number)."
    ]


def _base(winner: Winner, split: str) -> list[str]:
    return [_against(winner.base[split], "the untrained base")] if split in winner.base else []


def _paper(data: StudyData, winner: Winner, split: str) -> list[str]:
    if winner.paper_trial is None:
        return ["The paper's setting was not tried, or did not finish."]
    called = the_papers(data.trial(winner.paper_trial))
    if winner.paper_trial == winner.trial:
        return [f"It is {called} itself."]
    rival = winner.paper.get(split)
    return [_against(rival, f"{called} (trial {rival.trial})")] if rival else []


def _against(rival: Rival, name: str) -> str:
    apart, tested = rival.difference, f"(on {rival.split}, {chance(rival.p)})"
    size = points(apart.difference, apart.low, apart.high)
    side = "above" if apart.difference >= 0 else "below"
    if rival.standing == UNDECIDED:
        return f"Whether it differs from {name} is undecided: it scores {size} {side} that {tested}."
    return f"It scores {size} {side} {name} {tested}."


def _of_effects(effects: tuple[Effect, ...]) -> list[str]:
    """Parameters whose effect is clear after correction for their number, and those where none is."""
    told = [one for one in effects if one.p is not None and one.levels]
    adjusted = holm([one.p for one in told if one.p is not None])
    clear = [
        one
        for one, p in zip(told, adjusted, strict=True)
        if p < ALPHA and one.span_low is not None and one.span_low > 0
    ]
    unclear = [one.parameter for one in told if one not in clear]
    sentences = [_effect(one) for one in clear]
    if unclear:
        sentences.append(f"No effect could be shown of {listed(unclear)}; that is not to say there is none.")
    return sentences


def _effect(one: Effect) -> str:
    best, worst = (pick(one.levels, key=lambda level: level.mean) for pick in (max, min))
    size = points(one.span or 0.0, one.span_low or 0.0, one.span_high or 0.0)
    if one.parameter.startswith(SHARE):
        return f"Training {best.value} the {one.parameter} scores {size} above training {worst.value} it."
    at = f"at {value(best.value)}" if best.trials else f"near {best.value:.2g}"
    least = value(worst.value) if worst.trials else f"{worst.value:.2g}"
    return f"Other parameters held equal, {one.parameter} does best {at}: {size} above {least}, the worst."


def _trade_offs(data: StudyData) -> list[str]:
    if len(data.objectives) < 2:
        return []
    others = [str(number) for number in data.best[1:]]
    aims = listed(list(data.objectives))
    if not others:
        return [f"The study weighs {aims}, and no other trial is better than it on any of them."]
    are = (
        f"trial {others[0]} is a trade-off" if len(others) == 1 else f"trials {listed(others)} are trade-offs"
    )
    return [f"The study weighs {aims}: {are}, better than it on one of them and worse on another."]
