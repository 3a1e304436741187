"""The paper's admission that its tuned model talks worse."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from csft.exam.noise import CONFIDENCE
from csft.report.analysis import CONTRADICTED, SUPPORTED, UNDECIDED, Claim
from csft.report.analysis.claim_words import NONE, not_tested
from csft.report.analysis.fitting import Estimate
from csft.report.saying import chance, several, signed
from csft.report.study_data import StudyData
from csft.result import ALL

CLAIM = "The tuned model loses conversational ability."
FEWEST = 3  # trials whose conversation was measured


def conversation(data: StudyData) -> Claim:
    """Mean change of the loss on held-out dialogues, which all their datasets have to agree on."""
    changes = _changes(data, ALL)
    if not changes:
        return not_tested(CLAIM, "No held-out dialogues were asked.")
    runs = [run for one in data.finished for run in one.runs if ALL in run.result.chat]
    dialogues = runs[0].result.chat[ALL].dialogues
    measured = f"the loss on {several(dialogues, 'held-out dialogue')}, the same for all,"
    if len(changes) < FEWEST:
        return Claim(
            CLAIM, UNDECIDED, f"{several(len(changes), 'trial')} with a measured conversation: too few.", NONE
        )
    mean = _mean(changes)
    parts = {part for run in runs for part in run.result.chat if part != ALL}
    means = [fmean(of) for part in sorted(parts) if (of := _changes(data, part))]
    agree = all(one * mean.value > 0 for one in means)
    standing = (SUPPORTED if mean.value > 0 else CONTRADICTED) if mean.sure and agree else UNDECIDED
    worse = sum(one > 0 for one in changes)
    sentence = (
        f"In {worse} of {len(changes)} trials {measured} is higher than before tuning; on average it changed "
        f"by {signed(mean.value, mean.low, mean.high, 3)} nats a token, the interval over trials."
        f"{'' if agree else ' The datasets of dialogues do not agree.'} Other dialogues could say otherwise."
    )
    test = f"t over {len(changes)} trials, {chance(mean.p)}; the dialogues' own chance is not in it"
    return Claim(CLAIM, standing, sentence, test)


def _changes(data: StudyData, part: str) -> list[float]:
    """What each trial's tuning added to the loss on dialogues, the mean over its seeds."""
    found = []
    for one in data.finished:
        pairs = [(run.result.chat.get(part), run.result.base_chat.get(part)) for run in one.runs]
        of = [after.loss - before.loss for after, before in pairs if after and before]
        if of and all(map(math.isfinite, of)):
            found.append(fmean(of))
    return found


def _mean(values: Sequence[float]) -> Estimate:
    from scipy.stats import t

    mean, error = fmean(values), stdev(values) / math.sqrt(len(values))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    p = 2 * float(t.sf(abs(mean) / error, len(values) - 1)) if error else float(mean == 0)
    return Estimate(mean, mean - reach, mean + reach, p)
