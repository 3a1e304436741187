"""What a reader must know before using a study's findings."""

from collections import Counter
from collections.abc import Mapping

from csft.report.analysis import Winner
from csft.report.analysis.effects import Effects
from csft.report.analysis.findings import chosen_by_score
from csft.report.analysis.importance import FEWEST
from csft.report.analysis.papers_setting import departures, moved
from csft.report.saying import listed, several
from csft.report.study_data import TEST, StudyData

FEW = 12  # trials that make a study in which chance has little room
NAMED = 3  # of what is left out
LEARNING = ("tpe", "gp", "cmaes", "nsgaii")  # samplers that look where scores were good


def cautions(data: StudyData, winner: Winner | None, found: Effects) -> tuple[str, ...]:
    """The weightiest first."""
    parts = (_choice, _seeds, _noise, _trials, _paper, _states, _sampler, _aims, _left_out)
    return tuple(sentence for part in parts for sentence in part(data, winner, found))


def _choice(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    tried = len([one for one in data.finished if one.eligible])
    if winner is None or tried < 2 or not chosen_by_score(data):
        return []
    chosen = f"The winner was chosen among {several(tried, 'trial')} by its score on select, which is "
    if TEST in winner.scores:
        return [
            f"{chosen}therefore likely too high there. Test chose nothing: its score is the one to quote."
        ]
    return [f"{chosen}therefore likely too high; no split that chose nothing was examined (exam.test=true)."]


def _seeds(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    most = max((len(one.runs) for one in data.finished), default=0)
    if not most:
        return []
    trained = "with one seed" if most == 1 else f"with up to {most} seeds, and scores are means over them"
    return [
        f"Every setting was trained {trained}. Tests and intervals are of the trained models: how far "
        "another seed would move them is not in them."
    ]


def _noise(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    if winner is None:
        return []
    sentences = [
        f"With {one.n:,} questions a score on {split} is known to ±{(one.high - one.low) / 2:.1f} points."
        for split, one in winner.scores.items()
    ]
    compared = len({one.trial for one in winner.rivals})
    if compared > 1:
        sentences.append(
            f"{several(compared, 'rival')} were compared at once: the correction for that keeps false "
            "findings rare, and leaves small differences undecided. Undecided does not mean equal."
        )
    return sentences


def _trials(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    trials = len(found.trials)
    if trials < FEWEST:
        return [f"{several(trials, 'scored trial')}: too few for effects and importances of parameters."]
    few = [
        f"{several(trials, 'scored trial')} say little about what each parameter does, and importances of "
        "so few follow chance."
    ]
    model = "Effects are on select and taken to add up; they hold for its questions, as others may be harder."
    return [*(few if trials < FEW else []), *([model] if found.fit else [])]


def _paper(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    if winner is None or winner.paper_trial is None:
        return []
    trial = data.trial(winner.paper_trial)
    said = departures(trial) or moved(trial)
    return [f"Trial {trial.number} stands for the paper's setting, with {listed(said)}."] if said else []


def _states(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    count = Counter(one.state for one in data.trials)
    lost, going = count["failed"] + count["killed"], count["running"] + count["waiting"]
    told = {
        "{} given up early: in no effect and no comparison, so that poor settings are underrepresented.": (
            count["pruned"]
        ),
        "{} without a score, failed or killed.": lost,
        "{} beyond a limit: no candidate to win, but in effects and comparisons.": count["infeasible"],
        "{} running or waiting: the study is not over.": going,
    }
    return [text.format(several(number, "trial")) for text, number in told.items() if number]


def _sampler(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    search = data.attributes.get("search")
    sampler = str(search.get("sampler", "")) if isinstance(search, Mapping) else ""
    if not sampler.startswith(LEARNING) or found.fit is None:
        return []
    return [
        f"The sampler, {sampler}, tried more where scores were good: settings are unevenly covered, and "
        "intervals of effects approximate."
    ]


def _aims(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    if len(data.objectives) < 2:
        return []
    first, aims = data.objectives[0], listed(list(data.objectives))
    return [f"The study has several objectives, {aims}: the winner is the best trade-off by {first} alone."]


def _left_out(data: StudyData, winner: Winner | None, found: Effects) -> list[str]:
    if not data.left_out:
        return []
    reasons = "; ".join(f"{one.what}: {one.why}" for one in data.left_out[:NAMED])
    more = f"; and {len(data.left_out) - NAMED} more" if len(data.left_out) > NAMED else ""
    return [f"{several(len(data.left_out), 'result')} left out ({reasons}{more})."]
