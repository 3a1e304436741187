"""`python -m csft.exam take|score|compare …`: CMB without a trial."""

import sys
from collections.abc import Callable, Sequence

from csft.console import before_torch
from csft.words import named, read_words, status

SETTINGS = """settings, as name=value:
 all three
  root=FOLDER          a folder in CMB's layout (default: sample, the miniature CMB that ships)
  split=NAME           select (held out of CMB-train), val or test (default); take: several, as select,test
  per_sub_exam=N       at most so many questions of each sub-exam, the same ones every time
 take: its answers, scores and submission files go to one folder; killed and started again it goes on
  model=PLACE          a checkpoint's folder, a hub id, a trial's run folder, an adapter (default: sample)
  base=MODEL           what an adapter without its run folder was trained on
  protocol=NAME        cmb_logits (default), cmb_generate, cmb_cot
  prompt=NAME          cmb (default), or train: the authors' training text
  format=NAME          template, own (the tokenizer's chat format), base (none), or auto (default): template
                       for what csft tuned, base for any other checkpoint
  template=NAME        intern2 or intern2_2025 (default: the one that the model was tuned on)
  shots=N              answered questions of the validation split before each (default: 0)
  rule=NAME            how written answers are read: official (default) or careful
  max_new_tokens=N     of a written answer (default: 512)
  batch_tokens=N       tokens per forward pass (default: 8192);  batch_rows=N  questions, at most
  device=NAME  attention=NAME    auto (default), or as in a trial
  dtype=NAME           float32, bfloat16, float16, or auto (default): as stored on a GPU, float32 on a CPU
  backend=NAME         torch (default), or vllm for cmb_generate and cmb_cot on a GPU
  out=FOLDER           default: outputs/exams/<name>
 score, compare
  answers=FILE         score: CMB's official answer file, its runner's output, predictions-<split>.jsonl
  a=PLACE  b=PLACE     compare: two such files, or run folders; b is weighed against a
  key=FILE             the published key alone, instead of root
  rule=NAME            how the texts of CMB's runner are read: official (default) or careful
  out=FILE             the figures as JSON
"""


def take(words: Sequence[str]) -> None:
    """Put the questions to a model and score its answers."""
    before_torch()
    from csft import sitting

    sitting.take(read_words(sitting.Take, words))


def score(words: Sequence[str]) -> None:
    """Score an answer file against a split or the published key."""
    from csft import marking

    marking.score(read_words(marking.Score, words))


def compare(words: Sequence[str]) -> None:
    """Compare two answer files or run folders, question by question."""
    from csft import marking

    marking.compare(read_words(marking.Compare, words))


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {"take": take, "score": score, "compare": compare}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when csft stops by design, with the message alone."""
    run, words = named("python -m csft.exam", COMMANDS, SETTINGS, arguments)
    return status(lambda: run(words), "Stopped. With the same words an exam goes on where it was.")


if __name__ == "__main__":
    sys.exit(main())
