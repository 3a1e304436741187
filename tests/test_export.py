"""The command that writes a tuned model for other programs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command import run
from safetensors.torch import load_file

from csft import model, sample
from csft.export import main
from csft.track import RunFolder

IDS = torch.tensor([[1, 7, 30, 90, 41, 5]])


def logits(net):
    with torch.no_grad():
        return net.eval()(IDS, use_cache=False).logits


@pytest.fixture(scope="module")
def base() -> Path:
    return sample.base_model_path()


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    """A run folder as a LoRA trial leaves it, and what its network computes."""
    net = model.adapt(model.load(base)[0], "lora", rank=2)
    generator = torch.Generator().manual_seed(1)
    for name, weight in net.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.02
    folder = RunFolder.open(tmp_path_factory.mktemp("study") / "trial")
    describe(folder, str(base))
    model.save_adapter(net, folder.path / "adapter")
    return folder.path, logits(net)


def describe(folder, place, method="lora", dtype="float32", init="checkpoint"):
    shape = {"hidden": 32, "layers": 1, "heads": 4, "kv_heads": 2, "intermediate": 64, "seed": 0}
    chosen = {"path": "sample", "dtype": dtype, "init": init, "shape": shape}
    folder.write_config({"model": chosen, "tune": {"method": method}})
    folder.write_manifest({"places": {"model": place}, "device": "cpu"})


@pytest.mark.parametrize("inside", ["", "adapter"])
@pytest.mark.parametrize("layout", ["llama", "original"])
def test_a_run_folder_gives_its_base_and_merges(trained, base, tmp_path, capsys, layout, inside):
    run_folder, expected = trained
    out = tmp_path / "deep" / "out"
    assert main([f"FROM={run_folder / inside}", f"out={out}", f"layout={layout}"]) == 0
    net, tokenizer = model.load(out)
    torch.testing.assert_close(logits(net), expected, rtol=1e-5, atol=1e-5)
    assert tokenizer("头痛").input_ids == model.load_tokenizer(base)("头痛").input_ids
    original = (out / "config.json").read_bytes() == (base / "config.json").read_bytes()
    assert original is (layout == "original")
    assert {file.stat().st_mode & 0o777 for file in out.iterdir()} == {0o644}
    told = capsys.readouterr().out
    assert f"added into {base}" in told
    assert f"layout {layout}, float32" in told


def test_original_and_llama_are_the_same_numbers(base, tmp_path):
    assert main([f"from={base}", f"out={tmp_path / 'original'}", "layout=original"]) == 0
    assert main([f"from={tmp_path / 'original'}", f"out={tmp_path / 'llama'}", "dtype=float32"]) == 0
    assert torch.equal(logits(model.load(tmp_path / "llama")[0]), logits(model.load(base)[0]))
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (tmp_path / "original", base))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_adapter_alone_needs_its_base(trained, base, tmp_path, capsys):
    run_folder, expected = trained
    adapter = shutil.copytree(run_folder / "adapter", tmp_path / "alone")
    assert main([f"from={adapter}", f"out={tmp_path / 'out'}"]) == 1
    assert "base=(none) cannot be used. Allowed: the model that the adapter" in capsys.readouterr().err
    words = [f"from={adapter}", f"out={tmp_path / 'out'}", "base=sample", "dtype=bfloat16"]
    assert main(words) == 0
    net = model.load_net(tmp_path / "out", dtype="bfloat16")
    torch.testing.assert_close(logits(net).float(), expected, rtol=0, atol=0.3)
    assert model.stored_dtype(tmp_path / "out") == "bfloat16"


def test_a_base_of_other_content(trained, base, tmp_path, capsys):
    run_folder, _ = trained
    other = shutil.copytree(base, tmp_path / "other")
    settings = json.loads((other / "config.json").read_text()) | {"rms_norm_eps": 1e-3}
    (other / "config.json").write_text(json.dumps(settings))
    assert main([f"from={run_folder}", f"out={tmp_path / 'out'}", f"base={other}"]) == 1
    assert "was trained on the base" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_base_that_has_moved_and_one_that_was_drawn(base, tmp_path, capsys):
    folder = RunFolder.open(tmp_path / "trial")
    describe(folder, str(base), init="random")
    shape = folder.config["model"]["shape"]
    net = model.adapt(model.scratch(base, **shape)[0], "lora", rank=2)
    model.save_adapter(net, folder.path / "adapter")
    assert main([f"from={folder.path}", f"out={tmp_path / 'out'}"]) == 0
    torch.testing.assert_close(logits(model.load_net(tmp_path / "out")), logits(net), rtol=1e-5, atol=1e-5)
    describe(folder, str(tmp_path / "gone"))
    assert main([f"from={folder.path}", f"out={tmp_path / 'never'}"]) == 1
    assert f"{tmp_path / 'gone'} is not a folder" in capsys.readouterr().err


def test_beside_4_bit_weights_it_goes_into_bfloat16(trained, base, tmp_path, capsys):
    run_folder, _ = trained
    folder = RunFolder.open(tmp_path / "trial")
    describe(folder, str(base), method="qlora")
    shutil.copytree(run_folder / "adapter", folder.path / "adapter")
    assert main([f"from={folder.path}", f"out={tmp_path / 'out'}"]) == 0
    assert "trained beside 4-bit weights" in capsys.readouterr().out
    assert model.stored_dtype(tmp_path / "out") == "bfloat16"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["out={new}"], "from=(none) cannot be used"),
        (["from={base}"], "out=(none) cannot be used"),
        (["from={base}", "out={base}"], "is there already. Give a new folder"),
        (["from={base}", "out={new}", "layout=gguf"], "layout=gguf cannot be used. Allowed: one of llama, o"),
        (["from={base}", "out={new}", "dtype=int8"], "dtype=int8 cannot be used. Allowed: one of auto"),
        (["from={base}", "out={new}", "shard_size=big"], "shard_size=big cannot be used"),
        (["from={base}", "out={new}", "base={base}"], "nothing where there is no adapter"),
        (["from={new}", "out={new}"], "is not a folder"),
        (["from={empty}", "out={new}"], "no safetensors weights"),
        (["from={bare}", "out={new}"], "the trial kept no weights, or is not finished"),
        (["frm={base}"], "name=value with one of from, out, base"),
        (["from"], "name=value"),
    ],
)
def test_words_that_cannot_be(words, message, base, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    describe(RunFolder.open(tmp_path / "bare"), str(base))
    places = {name: tmp_path / name for name in ("new", "empty", "bare")} | {"base": base}
    assert main([word.format(**places) for word in words]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_manifest_that_says_nothing(trained, base, tmp_path, capsys):
    run_folder, _ = trained
    folder = RunFolder.open(tmp_path / "trial")
    describe(folder, str(base))
    folder.write_manifest({"device": "cpu"})
    shutil.copytree(run_folder / "adapter", folder.path / "adapter")
    assert main([f"from={folder.path}", f"out={tmp_path / 'out'}"]) == 1
    assert "manifest.json lacks 'places'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("tune", ["full", "lora"])
def test_what_a_real_trial_leaves(tmp_path, cache, tune):
    quick = (
        "mix.max_records=32",
        "epochs=0.5",
        "exam.per_sub_exam=1",
        "chat.dialogues=0",
        "cutoff=64",
        "tracker=none",
        f"tune={tune}",
    )
    done = run("+mix=exam", *quick, output=tmp_path / "runs", cache=cache)
    assert done.status == 0, done.err[-3000:]
    (folder,) = done.folders()
    out = tmp_path / "out"
    words = [sys.executable, "-m", "csft.export", f"from={folder.path}", f"out={out}"]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    code = (
        "import sys, torch; from transformers import AutoModelForCausalLM as M, AutoTokenizer as T\n"
        f"out = M.from_pretrained({str(out)!r})(torch.tensor({IDS.tolist()}), use_cache=False).logits\n"
        f"torch.save(out.detach(), {str(tmp_path / 'logits')!r})\n"
        f"assert T.from_pretrained({str(out)!r}).encode('<|im_end|>', add_special_tokens=False)[1:] == []\n"
        "assert 'csft' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    if tune == "full":
        expected = logits(model.load_net(folder.path / "model"))
    else:
        net = model.load_net(sample.base_model_path())
        expected = logits(model.load_adapter(net, folder.path / "adapter"))
    torch.testing.assert_close(torch.load(tmp_path / "logits"), expected, rtol=1e-5, atol=1e-5)
