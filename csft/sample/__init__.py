"""What ships so that a fresh machine can run: an invented medical world and a tiny pre-trained InternLM2.

    data_root()        # the world in the raw formats of all thirteen datasets and a miniature CMB
    base_model_path()  # a checkpoint in InternLM2's original layout that knows the language, not the answers

No disease, drug or person in it exists. What the exams ask is stated in the training sets: some facts in
exam sets only, some in questions and answers, some in dialogues, some at the end of long explanations, some
in English only (`csft.sample.world`), so training, mix and cut-off all show in the score.
"""

from pathlib import Path

from csft.console import say
from csft.files import cache_dir, hash_files, whole_folder

_HERE = Path(__file__).parent


def data_root() -> Path:
    """The sample's folder, written into the cache on first use; its name follows the generator's sources."""
    sources = [*_HERE.glob("*.py"), *_HERE.glob("raw/*.py"), _HERE.parent / "cmb.py"]
    root = cache_dir() / "sample" / hash_files(sources, _HERE.parent)[:16]
    if not root.is_dir():
        say(f"Writing the sample data to {root}")
        with whole_folder(root) as folder:
            write(folder)
    return root


def base_model_path() -> Path:
    """The shipped base model: config.json, tokenizer and weights in the InternLM2 layout."""
    return _HERE / "base"


def write(root: Path) -> None:
    """Write every dataset to `root/<id>/…`; the same bytes on every machine."""
    from csft.sample.raw import WRITERS

    for dataset, writer in WRITERS.items():
        writer(root / dataset)
