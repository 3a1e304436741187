"""An exam without a trial: one model, one protocol, some splits; all it leaves lies in one folder.

outputs/exams/<name>/
    manifest.json             what was asked of what: fingerprints, protocol, versions
    answers-<split>.jsonl     while the exam is not finished: the batches that are
    predictions-<split>.jsonl the answer to every question
    scores-<split>.json       the figures, each with its interval
    submission-<split>.json   CMB's official answer file; that of `test` is what its leaderboard takes
    result.json               the scores again, and a checksum of the predictions; written last
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from csft import compose, exam, model, track
from csft.candidate import Candidate, Framing
from csft.cmb import Question
from csft.console import say
from csft.data import TEMPLATES
from csft.errors import SettingError
from csft.exam.answers import RULES
from csft.exam.asking import FORMATS
from csft.exam.papers import conversations
from csft.exam.prompts import PROMPTS
from csft.examining import wrap
from csft.fields import choice, count, setting
from csft.files import cache_dir, hash_value, write_json
from csft.identity import LIBRARIES, code_hash
from csft.marking import questions, show
from csft.model import ATTENTIONS
from csft.places import SAMPLE
from csft.result import predictions
from csft.splits import Splits
from csft.track.runfolder import MANIFEST
from csft.words import word_list

PROTOCOLS = ("cmb_logits", "cmb_generate", "cmb_cot")  # the files of conf/exam
OUT = Path("outputs", "exams")

Ask = Callable[..., Iterator[list[exam.Prediction]]]  # questions=…, kept=…


def _or_none(*options: str) -> Any:
    """One of a few words; unless given, something else says which."""
    return setting("", " | ".join(options), lambda value: value in ("", *options))


@dataclass(frozen=True)
class Take:
    """The words of `take`; those about the exam mean what `exam.*` means in a trial."""

    model: str = SAMPLE
    base: str = ""
    root: str = ""
    split: str = "test"
    protocol: str = choice("cmb_logits", *PROTOCOLS)
    prompt: str = _or_none(*PROMPTS)
    format: str = choice("auto", "auto", *FORMATS)
    template: str = _or_none(*TEMPLATES)
    shots: int = count(0, "examples before each question", least=0)
    rule: str = _or_none(*RULES)
    max_new_tokens: int | None = count(None, "tokens of a written answer (null: as the protocol says)")
    per_sub_exam: int | None = count(None, "questions per sub-exam and split (null: all)")
    batch_tokens: int = count(8192, "tokens per forward pass, padding included")
    batch_rows: int | None = count(None, "questions per forward pass (null: as batch_tokens allow)")
    device: str = "auto"
    dtype: str = choice("auto", "auto", "float32", "bfloat16", "float16")
    attention: str = choice("auto", *ATTENTIONS)
    backend: str = choice("torch", "torch", "vllm")
    out: str = ""

    def asking(self, format: str) -> exam.Asking:
        """The protocol as its file in conf/exam says, but for what the words say."""
        file = compose.folder("conf") / "exam" / f"{self.protocol}.yaml"
        said = {"prompt": self.prompt, "rule": self.rule, "max_new_tokens": self.max_new_tokens}
        given = {name: value for name, value in said.items() if value}
        return exam.Asking(
            **{**yaml.safe_load(file.read_text(encoding="utf-8")), **given},
            format=format,
            shots=self.shots,
        )


def take(settings: Take) -> dict[str, exam.Scores]:
    """Take the exam, or what is missing of it, and print its scores by split."""
    candidate = Candidate.called(settings.model, settings.base)
    framing = candidate.framing(settings.format, settings.template)
    asking = settings.asking(framing.format)
    if settings.backend == "vllm":
        _check_vllm(settings, candidate, asking)
    asked = questions(settings.root, word_list(settings.split), settings.per_sub_exam)
    examples = questions(settings.root, ["val"], None)["val"] if settings.shots else []
    for split in asked.values():
        conversations(split, asking, examples)  # raises now what it would raise once the weights are read
    if framing.format == "own":
        exam.own_wrap(model.load_tokenizer(candidate.weights.base))
    device = model.choose_device(settings.device)
    dtype = settings.dtype
    if dtype == "auto":  # a processor computes float32 faster, and trials there do
        dtype = "float32" if device == "cpu" else candidate.weights.own_dtype()
    attention = model.choose_attention(settings.attention, device, dtype)
    return Sitting(settings, candidate, framing, asking, asked, examples, device, dtype, attention).run()


@dataclass
class Sitting:
    """An exam of which everything is settled but the answers."""

    settings: Take
    candidate: Candidate
    framing: Framing
    asking: exam.Asking
    asked: Splits
    examples: list[Question]
    device: str
    dtype: str
    attention: tuple[str, str]  # the implementation's name in transformers, and why

    def run(self) -> dict[str, exam.Scores]:
        """Ask what is not answered yet; scores and submission files are written from the predictions."""
        folder = self._folder()
        with folder.claim():
            finished = folder.result() is not None
            if finished:
                say(f"This exam is finished: its answers are reused from {folder.path}")
            else:
                self._tell(folder)
                self._ask(folder)
            scores = {split: self._mark(folder, split) for split in self.asked}
            if not finished:
                folder.finish({"scores": {split: asdict(one) for split, one in scores.items()}})
            for split in self.asked:
                self._kept(folder, split).remove()
        for split, one in scores.items():
            show(one, f"{self.settings.model}, {split}")
        say(f"answers      {folder.path}")
        return scores

    @cached_property
    def parts(self) -> dict[str, Any]:
        """What decides the answers."""
        return {
            "model": self.candidate.fingerprint(),
            "asking": asdict(self.asking),
            "template": self.framing.template,
            "questions": {split: exam.content_hash(asked) for split, asked in self.asked.items()},
            "examples": exam.content_hash(self.examples),
            "computed": [self.settings.backend, self.device.partition(":")[0], self.dtype, self.attention[0]],
            "code": code_hash(),
            "libraries": {name: metadata.version(name) for name in LIBRARIES},
        }

    @cached_property
    def key(self) -> str:
        """The same key means the same answers."""
        return hash_value(self.parts)

    def _folder(self) -> track.RunFolder:
        name = f"{self.candidate.name}-{self.settings.protocol}-{self.key[:8]}"
        path = Path(self.settings.out).expanduser() if self.settings.out else OUT / name
        there = track.RunFolder(path)
        if self._taken(path):
            allowed = f"a new folder; this one holds {self._other(there)}"
            raise SettingError("out", path, allowed)
        if damaged := there.damage():
            say(f"{path}: {', '.join(damaged)} changed since the exam, which is taken again")
        return track.RunFolder.open(path)

    def _taken(self, path: Path) -> bool:
        """Whether anything but this exam is there; hidden files are what a kill may leave of it."""
        if (path / MANIFEST).is_file():
            return track.RunFolder(path).manifest.get("exam") != self.key
        return path.is_file() or (path.is_dir() and any(one.name[0] != "." for one in path.iterdir()))

    def _other(self, there: track.RunFolder) -> str:
        stored = there.manifest.get("parts") if (there.path / MANIFEST).is_file() else None
        if not isinstance(stored, dict) or not stored.keys() >= self.parts.keys():
            return "something else"
        other = [name for name, part in self.parts.items() if stored[name] != part]
        return f"an exam that differs in {', '.join(other)}"

    def _tell(self, folder: track.RunFolder) -> None:
        folder.write_manifest(
            {
                "exam": self.key,
                "parts": self.parts,
                "words": asdict(self.settings),
                "format": asdict(self.framing),
                "base": self.candidate.weights.base,
                "counts": {split: len(asked) for split, asked in self.asked.items()},
                "environment": track.environment(),
                "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            }
        )
        form, how = self.framing, self.asking
        within = f"template {form.template}" if form.template else f"format {form.format}"
        say(f"exam         {folder.path}")
        say(f"  asked      {self.settings.protocol}, prompt {how.prompt}, {within} ({form.reason})")
        say(f"  examples   {how.shots} before each question; written answers read by the {how.rule} rule")
        say(f"  computed   {self.settings.backend} on {self.device}, {self.dtype}")
        say("  attention  {} ({})".format(*self.attention))

    def _ask(self, folder: track.RunFolder) -> None:
        ask = self._by_vllm() if self.settings.backend == "vllm" else self._by_torch()
        for split, asked in self.asked.items():
            answers = exam.in_order(asked, ask(questions=asked, kept=self._kept(folder, split)))
            folder.write_predictions(split, predictions(asked, answers))

    def _by_torch(self) -> Ask:
        net, tokenizer = self.candidate.load(self.dtype, self.device, self.attention[0])
        say(f"  model      {model.describe(net).total:,} parameters")
        place = model.model_folder(self.candidate.weights.base)
        prompts = [model.tokenizer_fingerprint(place), *asdict(self.framing).values(), code_hash()]
        return partial(
            exam.stream,
            net,
            tokenizer,
            wrap=wrap(tokenizer, self.framing.template, self.framing.format),
            asking=self.asking,
            shots_from=self.examples,
            batch_tokens=self.settings.batch_tokens,
            batch_rows=self.settings.batch_rows,
            keep_prompts=cache_dir() / "data" / "questions",
            prompts_key=hash_value(prompts),
        )

    def _by_vllm(self) -> Ask:
        from csft.exam.vllm_backend import VllmBackend

        folder = model.model_folder(self.candidate.weights.base)
        tokenizer = model.load_tokenizer(folder)
        return partial(
            VllmBackend(folder, tokenizer, self.dtype).stream,
            wrap=wrap(tokenizer, self.framing.template, self.framing.format),
            asking=self.asking,
            shots_from=self.examples,
        )

    def _mark(self, folder: track.RunFolder, split: str) -> exam.Scores:
        answers = {row["id"]: row["letters"] for row in folder.predictions(split)}
        scores = exam.score(answers, self.asked[split])
        write_json(folder.path / f"scores-{split}.json", asdict(scores))
        exam.write_submission(folder.path / f"submission-{split}.json", answers)
        return scores

    def _kept(self, folder: track.RunFolder, split: str) -> exam.KeptAnswers:
        return exam.KeptAnswers(folder.path / f"answers-{split}.jsonl", hash_value([self.key, split]))


def _check_vllm(settings: Take, candidate: Candidate, asking: exam.Asking) -> None:
    """Stop before anything heavy where vLLM cannot take this exam."""
    from csft.exam import vllm_backend

    if not asking.written:
        raise SettingError(
            "backend", "vllm", f"torch with protocol={settings.protocol}, which reads likelihoods"
        )
    weights = candidate.weights
    vllm_backend.check_folder(weights.adapter or model.model_folder(weights.base), settings.model)
    vllm_backend.find_vllm()
