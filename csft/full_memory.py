"""Memory that is full, told as such by whatever it was that ran out: CUDA, torch on a processor, Python."""

from collections.abc import Iterator
from contextlib import contextmanager

from csft.errors import MemoryFullError

_ADVICE = {
    "load": "Set model.dtype=bfloat16, take tune=qlora or a smaller model.",
    "data": "Take fewer datasets or mix.max_records, or give csft more memory.",
    "training": "Lower train.micro_batch or cutoff, or take tune=lora.",
}
_EXAM = "Lower exam.batch_tokens."


@contextmanager
def full_memory(stage: str, device: str) -> Iterator[None]:
    """Make a MemoryFullError of it, which says in what `stage` and what to lower."""
    full = ""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_full(error):
            raise
        full = str(error).strip().partition("\n")[0] or type(error).__name__
    if full:  # out of the handler, whose traceback holds the tensors that fill the memory
        raise MemoryFullError(
            f"The memory of {device} is full in the stage {stage!r} ({full}). {_ADVICE.get(stage, _EXAM)}"
        )


def is_full(error: BaseException) -> bool:
    """Whether it says that memory ran out; torch on a processor has no class of its own for it."""
    from torch import OutOfMemoryError

    return isinstance(error, MemoryError | OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
