"""`python -m csft.sample.pretrain`: make the shipped base model anew (tokenizer, weights, configuration)."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from csft.console import say
from csft.files import whole_folder
from csft.sample.pretrain.checkpoint import write_checkpoint
from csft.sample.pretrain.probe import accuracy
from csft.sample.pretrain.rows import Encoder
from csft.sample.pretrain.train import train
from csft.sample.pretrain.vocabulary import write_tokenizer
from csft.sample.world import SEED

STEPS = 4000


def main() -> None:
    """Parse the command line, pre-train, report and write."""
    parser = argparse.ArgumentParser(prog="python -m csft.sample.pretrain", description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder for the checkpoint")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
    arguments = parser.parse_args()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} exists already: name a new folder")
    make(arguments.folder, arguments.steps, arguments.threads)


def make(folder: Path, steps: int, threads: int = 0) -> None:
    """Write tokenizer and pre-trained weights to `folder`, atomically."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    with TemporaryDirectory() as scratch:
        model_file = Path(scratch) / "tokenizer.model"
        write_tokenizer(model_file)
        net = train(model_file, steps, SEED)
        for kind, percent in accuracy(net, Encoder(model_file)).items():
            say(f"{percent:5.1f} % right: facts {kind}")
        with whole_folder(folder) as written:
            (written / "tokenizer.model").write_bytes(model_file.read_bytes())
            write_checkpoint(net, written)
    say(f"Wrote {folder}")


if __name__ == "__main__":
    main()
