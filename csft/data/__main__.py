"""`python -m csft.data convert|screen|table1|lengths root=...`: the datasets without a trial."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from csft.cmb import Question, read_questions
from csft.console import progress, say
from csft.data import sources
from csft.data.catalog import DATASETS
from csft.errors import CsftError, DataError, SettingError
from csft.files import cache_dir, hash_files, whole_file, write_json
from csft.rejects import Rejects

SETTINGS = """settings, as name=value:
  root=FOLDER        the raw datasets, one folder each (needed)
  datasets=A,B       some of the thirteen (default: all that are there)
  output=FOLDER      convert: where the Alpaca files go (default: outputs/alpaca)
  exam=FILE,FILE     screen, lengths: question files in CMB's layout; records that overlap them are left out
  tokenizer=FOLDER   lengths: the tokenizer's folder (needed)
  template=NAME      lengths: intern2 (default) or intern2_2025
  cutoffs=N,N        lengths: cut-offs to compare with (default: 128,256,512,1024,2048)
"""


@dataclass
class Settings:
    """What the command line says."""

    root: str = ""
    datasets: str = ""
    output: str = "outputs/alpaca"
    exam: str = ""
    tokenizer: str = ""
    template: str = "intern2"
    cutoffs: str = "128,256,512,1024,2048"

    @property
    def folder(self) -> Path:
        """The root of the raw datasets."""
        path = Path(self.root).expanduser()
        if not self.root or not path.is_dir():
            raise SettingError("root", self.root or "(none)", "the folder that holds the raw datasets")
        return path

    @property
    def names(self) -> list[str]:
        """The datasets asked for; else those that are there."""
        if self.datasets:
            return [name.strip() for name in self.datasets.split(",") if name.strip()]
        return [name for name in DATASETS if _is_there(name, self.folder)]

    @property
    def exams(self) -> dict[str, list[Question]]:
        """Questions by file name."""
        read: dict[str, list[Question]] = {}
        for name in filter(None, self.exam.split(",")):
            rejects = Rejects()
            read[Path(name).name] = list(read_questions(Path(name).expanduser(), rejects))
            say(f"exam {name}: {len(read[Path(name).name])} questions, {rejects}")
        return read


def convert(settings: Settings) -> None:
    """Write each dataset as Alpaca records, one JSON object a line."""
    for name in settings.names:
        rejects, count = Rejects(), 0
        path = Path(settings.output) / f"{name}.jsonl"
        with whole_file(path) as temporary, temporary.open("wb") as out:
            for record in progress(sources.read(name, settings.folder, rejects), f"convert {name}", "record"):
                try:
                    out.write((json.dumps(asdict(record), ensure_ascii=False) + "\n").encode())
                    count += 1
                except UnicodeEncodeError:  # a lone surrogate, which no UTF-8 file can hold
                    rejects.add("not valid Unicode", f"after record {count}")
        left_out = {"counts": dict(rejects.counts), "examples": rejects.examples}
        write_json(path.with_suffix(".rejects.json"), left_out)
        say(f"{path}: {count:,} records, {rejects}")


def screen(settings: Settings) -> None:
    """Read and screen each dataset into the cache; print what was left out."""
    from csft.data.preparation import find_files
    from csft.data.screen import ExamIndex
    from csft.data.screened import screened, screened_key

    exams = ExamIndex(settings.exams)
    for name, files in find_files(settings.names, settings.folder).items():
        key = screened_key(name, files, settings.folder, exams)
        result = screened(name, settings.folder, cache_dir(), key, exams)
        why = ", ".join(f"{count:,} {reason}" for reason, count in result.rejects.items()) or "none set aside"
        say(f"{name}: {result.kept:,} of {result.read:,} kept; {why}. {result.folder}")


def table1(settings: Settings) -> None:
    """Print the paper's Table 1 beside what is here."""
    from csft.data.table1 import table1 as table

    found: dict[str, int | None] = {}
    set_aside: dict[str, int] = {}
    for name in settings.names:
        rejects = Rejects()
        found[name] = sum(1 for _ in progress(sources.read(name, settings.folder, rejects), name, "record"))
        set_aside[name] = rejects.total
    say(table(found, set_aside))


def lengths(settings: Settings) -> None:
    """Print token lengths per dataset, opening and end included, uncut."""
    from csft import model
    from csft.data.lengths import length_table
    from csft.data.preparation import prepare
    from csft.data.training_set import full_lengths

    if not settings.tokenizer:
        raise SettingError("tokenizer", "(none)", "the folder of a tokenizer")
    folder = Path(settings.tokenizer).expanduser()
    tokenizer = model.load_tokenizer(folder)
    identity = hash_files(path for path in folder.iterdir() if path.is_file() and "token" in path.name)
    prepared = prepare(
        settings.names,
        settings.folder,
        tokenizer,
        identity,
        settings.template,
        exam_questions=settings.exams,
        cache=cache_dir(),
    )
    sizes = {name: full_lengths(one.store, one.frame(settings.template)) for name, one in prepared.items()}
    say(length_table(sizes, [_whole("cutoffs", part) for part in settings.cutoffs.split(",")]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when csft stops by design, with the message alone."""
    commands: dict[str, Callable[[Settings], None]] = {
        "convert": convert,
        "screen": screen,
        "table1": table1,
        "lengths": lengths,
    }
    parser = argparse.ArgumentParser(
        prog="python -m csft.data",
        description="\n".join(f"{name:8} {(run.__doc__ or '')}" for name, run in commands.items()),
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument("settings", nargs="*", metavar="name=value")
    given = parser.parse_args(arguments)
    try:
        commands[given.command](_settings(given.settings))
    except CsftError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _settings(words: Sequence[str]) -> Settings:
    settings = Settings()
    allowed = ", ".join(asdict(settings))
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or name not in asdict(settings):
            raise SettingError(name, value, f"name=value with one of {allowed}")
        setattr(settings, name, value)
    return settings


def _is_there(name: str, root: Path) -> bool:
    try:
        return bool(sources.raw_files(name, root))
    except DataError:
        return False


def _whole(setting: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise SettingError(setting, text, "whole numbers of tokens, separated by commas")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
