"""How many trials a worker has under way at a time, by `study.pack`, and why.

Trials with adapters share one base in memory and one pass over it; which of them really can is seen when they
train (csft/study/packable.py).
"""

from typing import Any

from csft.study.space import Space
from csft.study_config import Study

MOST, CAUTIOUS = 8, 4  # trials at a time; fewer where each learns from those before it
BLIND = ("grid", "random", "qmc")  # samplers that propose the same whatever came of earlier trials


def pack(settings: Study, composed: Any, space: Space, sampler: str) -> tuple[int, str]:
    """The number of trials, and why it is that. `composed` is what all trials have in common."""
    if settings.pack != "auto":
        return int(settings.pack), "as asked"
    if why := _alone(settings, composed, space):
        return 1, why
    if sampler in BLIND and settings.pruner.kind == "none":
        return MOST, "adapters are trained together"
    learns = f"sampler={sampler}" if sampler not in BLIND else f"pruner={settings.pruner.kind}"
    return CAUTIOUS, f"adapters are trained together, few at a time: {learns} learns from trial to trial"


def _alone(settings: Study, composed: Any, space: Space) -> str | None:
    """Why one at a time; None where several are allowed."""
    searched = [key for key in space.keys if key in ("tune", "tune.method")]
    if searched or composed.tune.method != "lora":
        return f"tune={'(searched)' if searched else composed.tune.method}: only adapters share a base"
    limits = settings.limits
    if limits.minutes is not None or limits.constraints or "gpu_hours" in settings.objectives:
        return "what one trial takes of time and memory is limited or judged"
    return None
