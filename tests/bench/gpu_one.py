"""One line of `gpu.py`'s table, in a process of its own.

python tests/bench/gpu_one.py SETTINGS.json FIGURES.json
"""

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from csft import data, model, train
from csft.config import Train
from csft.errors import CsftError

SHAPES: dict[str, dict[str, Any]] = {
    "7b": {
        "vocab_size": 92_544,
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 14_336,
    },
    "tiny": {
        "vocab_size": 512,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
    },
}
REST = {"rms_norm_eps": 1e-5, "bias": False, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
WARM_UP = 3  # updates
RATES = {"full": 2e-5, "lora": 2e-4}
TINY_RATE = 1e-2  # a tiny net learns nothing at the rates of a large one
WORDS, MEDIAN_LENGTH, SPREAD, PROMPT = 100, 200, 0.6, 0.4
IGNORED = -100


class Records(list[dict[str, list[int]]]):
    """Records of random tokens of a few words; `lengths` in tokens."""

    def __init__(self, lengths: Any, vocabulary: int, seed: int = 0) -> None:
        chance = np.random.default_rng(seed)
        words = chance.choice(np.arange(3, vocabulary), WORDS, replace=False)
        for length in lengths.tolist():
            ids, masked = chance.choice(words, length).tolist(), int(PROMPT * length)
            self.append({"input_ids": ids, "labels": [IGNORED] * masked + ids[masked:]})
        self.lengths = lengths


def main(settings: Path, figures: Path) -> None:
    """Train as the settings say, then write the figures, or why there are none."""
    import torch

    given = json.loads(settings.read_text(encoding="utf-8"))
    try:
        found = _plain(given) if given["attention"] == "plain" else _csft(given)
    except torch.OutOfMemoryError as error:
        found = {"skipped": f"does not fit: {str(error).split('. ')[0]}", "full": True}
    except (ImportError, ValueError, CsftError) as error:
        found = {"skipped": str(error).splitlines()[0], "full": "memory" in str(error)}
    figures.write_text(json.dumps(found))


def _csft(given: dict[str, Any]) -> dict[str, Any]:
    """csft's own way: packed rows through `fit`."""
    attention, tune = given["attention"], given["tune"]
    if not attention.startswith("flash"):  # which transformers has to be asked for by name
        attention = model.choose_attention(attention, given["device"])[0]
    net = model.adapt(_net(given, attention), tune, 16, 32)
    records, batch, micro = _workload(given)
    plan = data.batch_plan(
        records.lengths, batch, "best_fit", micro_batch=micro, cutoff=given["cutoff"], attention=attention
    )
    updates = min(given["updates"] + WARM_UP, len(plan))
    collate = partial(data.collate, pad_id=2, joined=data.joins("best_fit", attention), attention=attention)
    log: list[tuple[float, dict[str, float]]] = []
    eight_bit = tune == "full" and given["device"] != "cpu"
    optimizer = "adamw_8bit" if eight_bit else "adamw"
    with tempfile.TemporaryDirectory() as scratch:
        done = train.fit(
            net,
            records,
            lambda epoch: [plan[at] for at in range(updates)],
            collate,
            Train(
                batch=batch,
                micro_batch=micro,
                batching="best_fit",
                optimizer=optimizer,
                schedule="constant",
                warmup=0.0,
                gradient_checkpointing=given["gradient_checkpointing"],
            ),
            epochs=1,
            lr=_rate(given),
            seed=42,
            device=given["device"],
            scratch=scratch,
            log=lambda step, values: log.append((time.perf_counter(), values)),
        )
    tokens = [
        sum(int(records.lengths[one]) for micro_batch in plan[at] for row in micro_batch for one in row)
        for at in range(updates)
    ]
    logged = [(when, values["train/loss"], values["train/grad_norm"]) for when, values in log]
    padding = data.waste(records.lengths, plan)
    return {**_figures(given, logged, tokens), "padding": padding, "halvings": done.halvings}


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    """Right-padded batches, the model's own loss, a loop of a dozen lines."""
    import torch
    from peft import LoraConfig, get_peft_model

    net = _net(given, "sdpa")
    if given["gradient_checkpointing"]:
        net.gradient_checkpointing_enable()
        net.enable_input_require_grads()
    if given["tune"] == "lora":
        settings = LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear")
        net = get_peft_model(net, settings)
    net.train()
    records, batch, micro = _workload(given)
    order = np.random.default_rng(42).permutation(len(records))
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=_rate(given), weight_decay=0.0, fused=True)
    logged, tokens, places = [], [], 0
    for at in range(given["updates"] + WARM_UP):
        update = [records[one] for one in order[at * batch : (at + 1) * batch]]
        loss = 0.0
        for first in range(0, batch, micro):
            inputs = data.collate([[one] for one in update[first : first + micro]], pad_id=2)
            inputs = {name: value.to(given["device"]) for name, value in inputs.items()}
            part = net(**inputs, use_cache=False).loss * micro / batch
            part.backward()
            loss += float(part.detach())
            places += inputs["input_ids"].numel()
        norm = float(torch.nn.utils.clip_grad_norm_(weights, 1.0))
        optimizer.step()
        optimizer.zero_grad()
        if given["device"] != "cpu":
            torch.cuda.synchronize()
        logged.append((time.perf_counter(), loss, norm))
        tokens.append(sum(len(one["input_ids"]) for one in update))
    return {**_figures(given, logged, tokens), "padding": 1 - sum(tokens) / places, "halvings": 0}


def _net(given: dict[str, Any], attention: str) -> Any:
    """The network with random weights, drawn where it will live."""
    import torch

    from csft.model.internlm2 import InternLM2Config, InternLM2ForCausalLM, register

    register()
    shape = SHAPES[given["shape"]]
    dtype = torch.float32 if given["device"] == "cpu" else torch.bfloat16
    torch.manual_seed(0)
    with torch.device(given["device"]):
        return InternLM2ForCausalLM._from_config(
            InternLM2Config(**shape, **REST, rope_theta=5e7), dtype=dtype, attn_implementation=attention
        )


def _workload(given: dict[str, Any]) -> tuple[Records, int, int]:
    """Records, rows of an update and rows of a micro-batch."""
    cutoff = given["cutoff"]
    batch, micro = given["update_tokens"] // cutoff, given["micro_tokens"] // cutoff
    updates = given["updates"] + WARM_UP
    count = updates * batch * max(1, round(2 * cutoff / MEDIAN_LENGTH))  # enough for packed rows as well
    drawn = np.random.default_rng(1).lognormal(np.log(MEDIAN_LENGTH), SPREAD, count).astype(int)
    return Records(drawn.clip(16, cutoff), SHAPES[given["shape"]]["vocab_size"]), max(1, batch), max(1, micro)


def _rate(given: dict[str, Any]) -> float:
    return RATES[given["tune"]] if given["shape"] == "7b" else TINY_RATE


def _figures(
    given: dict[str, Any], logged: list[tuple[float, float, float]], tokens: list[int]
) -> dict[str, Any]:
    """Seconds and tokens of the updates after the warm-up; loss and gradient norm of all."""
    import torch

    on_gpu = given["device"] != "cpu"
    ends = [when for when, _, _ in logged]
    return {
        "device": torch.cuda.get_device_name() if on_gpu else "CPU",
        "gradient_checkpointing": given["gradient_checkpointing"],
        "seconds": [b - a for a, b in zip(ends[WARM_UP - 1 :], ends[WARM_UP:], strict=False)],
        "tokens": tokens[WARM_UP:],
        "loss": [loss for _, loss, _ in logged],
        "grad_norm": [norm for _, _, norm in logged],
        "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu else 0,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
