"""What a study tries first: the paper's own setting, then what the user asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from csft.errors import SettingError
from csft.study.space import Space

# The authors' training file. Its rate is for their model: elsewhere the site's own stands in for it.
PAPER = {
    "cutoff": "1024",
    "cutoff_policy": "llamafactory",
    "epochs": "3",
    "lr": "2e-5",
    "tune": "full",
    "train.batch": "32",
    "train.schedule": "cosine",
    "train.warmup": "0.05",
    "train.optimizer": "auto",
    "data.template": "intern2",
    "data.mask_history": "false",
    "mix.temperature": "1",
}
MIXES = ("paper", "full")  # the first of them that is offered
SITE = "h100"


def points(space: Space, base: Mapping[str, Any], start: Sequence[str]) -> list[tuple[dict[str, Any], str]]:
    """Params and what they are: the paper's setting, then each text of `start` ("cutoff=512 lr=1e-3").

    `base` is the configuration that all trials share. What is not in the space is moved to its nearest
    value, and the reason says so. Raises SettingError for a text that cannot be read.
    """
    if not space.parameters:
        return [({}, "the one setting there is")]
    if not all(text.split() for text in start):
        raise SettingError("study.start", list(start), "texts such as 'cutoff=512 lr=1e-3'")
    asked = [("the paper's setting", _paper(space, base))]
    asked += [(f"study.start: {text}", text.split()) for text in start]
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for what, words in asked:
        params, notes = space.nearest(words, base)
        reason = "; ".join([what, *notes])
        found.setdefault(repr(sorted(params.items())), (params, reason))
    return list(found.values())


def _paper(space: Space, base: Mapping[str, Any]) -> list[str]:
    """The words of the paper's setting for what is searched here."""
    wanted = dict(PAPER)
    if base.get("site", {}).get("name") != SITE:
        wanted["lr"] = str(base.get("lr"))
    for item in space.parameters:
        if item.keys == ("mix",):
            offered = [item.domain.text(value) for value in item.domain.values() or ()]
            wanted["mix"] = next((mix for mix in MIXES if mix in offered), offered[0])
        elif all(key.startswith("mix.datasets.") for key in item.keys):
            wanted[item.name] = "1"
    searched = {key for item in space.parameters for key in (item.name, *item.keys)}
    return [f"{key}={text}" for key, text in wanted.items() if key in searched]
