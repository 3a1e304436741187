"""`python -m csft.export from=RUN out=FOLDER`: a tuned model as one folder that other programs load."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csft import model
from csft.console import before_torch, say
from csft.errors import ModelError, SettingError
from csft.tuned import Tuned, find
from csft.words import read_words, status

HEAD = """Write a tuned model as one folder; a trained adapter is added into its base first.

  python -m csft.export from=outputs/default/TRIAL out=models/mine
  python -m csft.export from=ADAPTER base=internlm/internlm2_5-7b out=models/mine layout=original
"""
SETTINGS = """settings, as name=value:
  from=FOLDER          a trial's run folder, a checkpoint, or an adapter
  out=FOLDER           a new folder
  base=MODEL           an adapter's base: a folder or hub id (default: as the run folder says; its content is
                       compared with what the adapter was trained on)
  layout=NAME          llama (default): LlamaForCausalLM, which transformers, vLLM and others read without
                       csft; original: the names, config.json and code files of the base
  dtype=NAME           auto (default: as trained or stored) | float32 | bfloat16 | float16
  shard_size=SIZE      largest weight file, such as 500MB (default: 5GB)

An adapter is added in float32 and rounded once to dtype. One trained with tune=qlora is added into the base
in bfloat16, not into the 4-bit weights it was trained beside: score the result before you rely on it.
"""
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass
class Settings:
    """What the command line says."""

    from_: str = ""
    out: str = ""
    base: str = ""
    layout: str = "llama"
    dtype: str = "auto"
    shard_size: str = "5GB"


def main(arguments: Sequence[str] | None = None) -> int:
    """Export; 1 when csft stops by design, with the message alone."""
    parser = argparse.ArgumentParser(
        prog="python -m csft.export",
        description=HEAD,
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("settings", nargs="*", metavar="name=value")
    words = parser.parse_args(arguments).settings
    before_torch()
    return status(lambda: export(read_words(Settings, words)))


def export(settings: Settings) -> Path:
    """Find, load, merge and write; give the folder. Words that cannot be stop before a weight is read."""
    _check(settings)
    tuned = find(settings.from_, settings.base)
    dtype = tuned.own_dtype() if settings.dtype == "auto" else settings.dtype
    say(_told(tuned))
    net, tokenizer = tuned.load(dtype)
    folder = model.export(net, settings.out, tokenizer, settings.layout, settings.shard_size)
    say(f"{folder}: {model.describe(net).total:,} parameters, layout {settings.layout}, {dtype}")
    return folder


def _told(tuned: Tuned) -> str:
    if tuned.adapter is None:
        return f"checkpoint {tuned.base}"
    rounded = ", trained beside 4-bit weights" if tuned.four_bit else ""
    return f"adapter {tuned.adapter}{rounded}, added into {tuned.base}"


def _check(settings: Settings) -> None:
    for name, value in (("from", settings.from_), ("out", settings.out)):
        if not value:
            raise SettingError(name, "(none)", f"a folder, as {name}=FOLDER")
    for name, value, allowed in (
        ("layout", settings.layout, model.LAYOUTS),
        ("dtype", settings.dtype, DTYPES),
    ):
        if value not in allowed:
            raise SettingError(name, value, "one of " + ", ".join(allowed))
    if not settings.shard_size.upper().removesuffix("B").rstrip("KMGT").isdecimal():
        raise SettingError("shard_size", settings.shard_size, "a size such as 500MB or 5GB")
    out = Path(settings.out).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"out={out} is there already. Give a new folder.")


if __name__ == "__main__":
    sys.exit(main())
