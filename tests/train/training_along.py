"""What test_sharding has torchrun start: fits nets in one of several processes, the first writes the outcome.

python -m torch.distributed.run --nproc-per-node 2 tests/train/training_along.py FOLDER
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from train_helpers import Logged, figures, run, some_rows, tiny
from transformers import GPT2Config, GPT2LMHeadModel

from csft import model
from csft.config import Train
from csft.errors import CsftError
from csft.ranks import ALONE, Ranks, join, leave
from csft.train import Checkpoints

EPOCHS = 2
# Of 9 rows: updates of 4, 4 and 1 micro-batches, so that two processes do not have as many of the last.
SETTINGS = Train(batch=4, micro_batch=1, checkpoint_minutes=0)


def net_for(case: str) -> Any:
    """A net of two layers, the same weights in every process; 33 and 65 are not even."""
    torch.manual_seed(0)
    if case == "gpt2":
        sizes = {"vocab_size": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
        return GPT2LMHeadModel(GPT2Config(**sizes, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
    net = tiny(num_hidden_layers=2, intermediate_size=33, vocab_size=65, tie_word_embeddings=case == "tied")
    dropped = 0.2 if case == "dropout" else 0
    return model.adapt(net, "full" if case in ("full", "tied") else "lora", rank=3, alpha=4, dropout=dropped)


def settings_for(case: str) -> Train:
    """The tied one computes its layers twice."""
    return Train(batch=4, micro_batch=1, gradient_checkpointing=True) if case == "tied" else SETTINGS


def trained(case: str, folder: Path, ranks: Ranks = ALONE, **more: Any) -> tuple[Any, Logged]:
    """The net after training and the log."""
    net = net_for(case)
    _, log = run(net, some_rows(9), folder, settings_for(case), EPOCHS, ranks=ranks, **more)
    return net, log


def killed(case: str, folder: Path, ranks: Ranks, update: int) -> Logged:
    """Training that dies in the middle of an update, the checkpoint of the one before is in `folder`."""
    log: Logged = []

    def dying(step: int, values: dict[str, float]) -> None:
        log.append((step, values))
        if step == update:
            raise KeyError(update)

    try:
        trained(case, folder, ranks, log=dying, checkpoints=Checkpoints(folder / case, "trial"))
    except KeyError:
        return log[:-1]
    raise AssertionError("it did not die")


def agreement(ranks: Ranks, folder: Path) -> dict[str, Any]:
    """What the processes say to one another."""
    with ranks.in_turn():
        first = (folder / "turn").exists()
        (folder / "turn").touch()
    try:
        ranks.check_alike("trial", f"of process {ranks.rank}")
        differs = ""
    except CsftError as error:
        differs = str(error)
    told = {
        "agreed": ranks.agree(ranks.rank),
        "highest": ranks.highest(ranks.rank),
        "sum": float(ranks.sum(torch.ones(()))),
        "found": first,
        "differs": differs,
    }
    (folder / f"agreement-{ranks.rank}.json").write_text(json.dumps(told))
    return told


def main(folder: Path) -> None:
    """Fit every case in both ways."""
    met = join("ddp", "cpu")
    agreement(met, folder)
    for kind in ("ddp", "fsdp"):
        (folder / kind).mkdir(exist_ok=True)
        fit_all(replace(met, kind=kind), folder / kind)
    leave()


def fit_all(ranks: Ranks, folder: Path) -> None:
    """Write figures and weights."""
    told: dict[str, Any] = {}
    for case in ("full", "lora", "tied", "gpt2"):
        net, log = trained(case, folder, ranks)
        told[case] = figures(log)
        if ranks.leads:
            weights = {name: weight.detach().contiguous() for name, weight in net.named_parameters()}
            save_file(weights, folder / f"{case}.safetensors")
    told["dropout"] = figures(trained("dropout", folder, ranks)[1])
    for case in ("full", "dropout"):
        before = killed(case, folder, ranks, update=3)
        start = ranks.agree(Checkpoints(folder / case, "trial").latest())
        _, after = trained(case, folder, ranks, start=start)
        told[f"{case} continued"] = figures(before + after)
    if ranks.leads:
        (folder / "figures.json").write_text(json.dumps(told))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
