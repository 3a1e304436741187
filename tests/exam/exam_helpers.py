"""A model of a few thousand parameters and a tokenizer that runs some letters together, as real ones do."""

from typing import Any

from csft.cmb import MULTIPLE, SINGLE, SUB_EXAMS, Question

STEMS = "发热咳嗽头痛乏力腹泻皮疹"


def make_question(number: int, answer: str, letters: str = "ABCDE") -> Question:
    """An invented question of this id; its stem and the lengths of its options vary with the number."""
    sub_exam = SUB_EXAMS[number % 28]
    stem = STEMS[number % 12] + STEMS[number // 12 % 12] + "见于" * (1 + number % 5)
    options = {letter: STEMS[(number + place) % 12] * 2 for place, letter in enumerate(letters)}
    kind = SINGLE if len(answer) == 1 else MULTIPLE
    return Question(number, sub_exam.exam_type, sub_exam.exam_class, "内科", kind, stem, options, answer)


ANSWERS = ["A", "BCD", "C", "AB", "E", "ABCDEF", "D", "ACE", "B", "CD", "AEF", "DE"]


MERGES = [("答", "案"), ("答案", "是"), ("A", "B"), ("C", "D"), ("AB", "C"), ("E", "F")]


def make_tokenizer(merges: list[tuple[str, str]] = MERGES) -> Any:
    """One token per character, byte by byte for unseen ones, and `merges` on top."""
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    from csft.exam import question_text

    sample = "".join(
        question_text(make_question(number, answer, "ABCDEFG"), prompt)
        for number in range(28)
        for answer in ("A", "AB")
        for prompt in ("cmb", "train")
    )
    signs = sorted(set(sample) | set("答案是。usraitn") | set("ABCDEFG"))
    pieces = ["<unk>", "<s>", "</s>", *signs, *(left + right for left, right in merges)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=False))
    core.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return tokenizer


def make_net(vocabulary: int, seed: int = 0) -> Any:
    """A random Llama whose answers differ from question to question."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
        initializer_range=0.3, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def make_wrap(tokenizer: Any) -> Any:
    """The chat format around conversations, up to the model's turn."""

    def wrap(conversations: Any) -> list[list[int]]:
        texts = []
        for examples, text in conversations:
            shown = "".join(f"{_turn(user)}{answer}</s>" for user, answer in examples)
            texts.append("<s>" + shown + _turn(text))
        return [list(tokenizer.encode(text, add_special_tokens=False)) for text in texts]

    return wrap


def _turn(text: str) -> str:
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
