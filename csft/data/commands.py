"""What `python -m csft.data` does: each command is one function of the settings."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from csft.cmb import Question, read_questions
from csft.console import progress, say
from csft.data import sources
from csft.data.catalog import DATASETS
from csft.errors import DataError, SettingError
from csft.files import cache_dir, whole_file, write_json
from csft.rejects import Rejects
from csft.words import word_list

if TYPE_CHECKING:
    from csft.data.screen import ScreenRules

SAMPLE = "sample"


@dataclass
class Settings:
    """What the command line says, as text."""

    root: str = SAMPLE
    datasets: str = ""
    output: str = ""
    exam: str = ""
    near_duplicates: str = "0.9"
    exam_overlap: str = "0.7"
    tokenizer: str = ""
    template: str = "intern2"
    cutoffs: str = "128,256,512,1024,2048"

    @cached_property
    def folder(self) -> Path:
        """The root of the raw datasets."""
        if self.root == SAMPLE:
            from csft import sample

            return sample.data_root()
        path = Path(self.root).expanduser()
        if not self.root or not path.is_dir():
            raise SettingError("root", self.root or "(none)", "the folder that holds the raw datasets")
        return path

    @property
    def cache(self) -> Path:
        """Where trials keep theirs too, so that nothing is read or tokenised twice."""
        return cache_dir() / "data"

    @property
    def names(self) -> list[str]:
        """The datasets asked for; else those that are there."""
        if self.datasets:
            return word_list(self.datasets)
        return [name for name in DATASETS if _is_there(name, self.folder)]

    @cached_property
    def exams(self) -> Mapping[str, list[Question]]:
        """Questions by split as a trial has them, or those of the files named."""
        if not self.exam:
            from csft.config import Exam
            from csft.splits import gather

            return gather(Exam(test=False), self.folder, self.folder / "cmb", self.cache)
        read: dict[str, list[Question]] = {}
        for name in word_list(self.exam):
            rejects = Rejects()
            read[Path(name).name] = list(read_questions(Path(name).expanduser(), rejects))
            say(f"exam {name}: {len(read[Path(name).name])} questions, {rejects}")
        return read

    @property
    def rules(self) -> "ScreenRules":
        """How alike is too alike."""
        from csft.data.screen import ScreenRules

        return ScreenRules(
            _share("near_duplicates", self.near_duplicates), _share("exam_overlap", self.exam_overlap)
        )

    @property
    def tokenizer_folder(self) -> Path:
        """The tokenizer; the sample's own where nothing is said of either."""
        if not self.tokenizer and self.root == SAMPLE:
            from csft import sample

            return sample.base_model_path()
        path = Path(self.tokenizer).expanduser()
        if not self.tokenizer or not path.is_dir():
            raise SettingError("tokenizer", self.tokenizer or "(none)", "the folder of a tokenizer")
        return path

    def under(self, default: str) -> Path:
        """The output folder."""
        return Path(self.output or default).expanduser()


def fetch(settings: Settings) -> None:
    """Download what may be downloaded; tell address and terms of the rest."""
    from csft.data.fetch import fetch as get

    if settings.root == SAMPLE:
        raise SettingError("root", SAMPLE, "the folder the datasets shall be put into")
    root = Path(settings.root).expanduser()
    root.mkdir(parents=True, exist_ok=True)
    get(settings.names if settings.datasets else list(DATASETS), root)


def convert(settings: Settings) -> None:
    """Write each dataset as Alpaca records, one JSON object a line."""
    for name in settings.names:
        rejects, count = Rejects(), 0
        path = settings.under("outputs/alpaca") / f"{name}.jsonl"
        with whole_file(path) as temporary, temporary.open("wb") as out:
            for record in progress(sources.read(name, settings.folder, rejects), f"convert {name}", "record"):
                try:
                    out.write((json.dumps(asdict(record), ensure_ascii=False) + "\n").encode())
                    count += 1
                except UnicodeEncodeError:  # a lone surrogate, which no UTF-8 file can hold
                    rejects.add("not valid Unicode", f"after record {count}")
        left_out = {"counts": rejects.counts, "notes": rejects.notes, "examples": rejects.examples}
        write_json(path.with_suffix(".rejects.json"), left_out)
        say(f"{path}: {count:,} records, {rejects}")


def screen(settings: Settings) -> None:
    """Read and screen each dataset into the cache; print what was left out and where it is listed."""
    from csft.config import Chat
    from csft.data.held_out import hold_out
    from csft.data.screening import Screening

    held_out = hold_out(settings.folder, settings.cache, Chat().dialogues)
    given = (settings.names, settings.folder, settings.cache, settings.exams, settings.rules)
    screening = Screening(*given, held_out=held_out)
    for name in screening.names:
        one = screening.screened(name)
        say(f"{name}: {one.kept:,} of {one.read:,} kept; {_listed(one.rejects)}. {one.left_out}")
    for name, doubles in screening.doubles.items():
        if doubles.counts:
            say(f"{name}: not drawn beside the others: {_listed(doubles.counts)}. {doubles.listing}")


def table1(settings: Settings) -> None:
    """Print the paper's Table 1 beside what is here."""
    from csft.data.table1 import table1 as table

    found: dict[str, Rejects] = {}
    counted: dict[str, int] = {}
    for name in settings.names:
        found[name] = Rejects()
        records = sources.read(name, settings.folder, found[name])
        counted[name] = sum(1 for _ in progress(records, name, "record"))
    say(table(counted, found))


def lengths(settings: Settings) -> None:
    """Print token lengths per dataset, uncut, and draw them with the cut-offs marked."""
    from csft import model
    from csft.data.length_figure import write_figure
    from csft.data.lengths import length_table
    from csft.data.preparation import prepare
    from csft.data.training_set import full_lengths

    cutoffs = [_whole("cutoffs", part) for part in settings.cutoffs.split(",")]
    folder = settings.tokenizer_folder
    prepared = prepare(
        settings.names,
        settings.folder,
        model.load_tokenizer(folder),
        model.tokenizer_fingerprint(str(folder)),
        settings.template,
        exam_questions=settings.exams,
        rules=settings.rules,
        cache=settings.cache,
    )
    sizes = {name: full_lengths(one.store, one.frame(settings.template)) for name, one in prepared.items()}
    say(length_table(sizes, cutoffs))
    page = settings.under("outputs") / "lengths.html"
    write_figure(sizes, cutoffs, page)
    say(f"figure {page}, table {page.with_suffix('.csv')}")


def _is_there(name: str, root: Path) -> bool:
    try:
        return bool(sources.raw_files(name, root))
    except DataError:
        return False


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items()) or "none set aside"


def _share(setting: str, text: str) -> float | None:
    if text in ("", "null", "none"):
        return None
    try:
        return float(text)
    except ValueError:
        raise SettingError(setting, text, "a share from 0.5 to 1, or null for exact matches only") from None


def _whole(setting: str, text: str) -> int:
    if not text.strip().isdecimal() or not int(text):
        raise SettingError(setting, text, "whole numbers of tokens, at least 1, separated by commas")
    return int(text)
