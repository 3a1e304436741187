"""The most memory that a trial held: on a GPU what torch gave out, without one what was resident."""

from contextlib import suppress
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset(device: str) -> None:
    """Begin anew; where the system keeps no mark that can be reset, it stays the highest of the process."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        _CLEAR.write_text("5")  # proc(5): VmHWM becomes what is resident now


def highest(device: str) -> int:
    """Bytes since `reset`, or since torch's own mark was reset."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    with suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on a Mac, elsewhere 1024
    return most if sys.platform == "darwin" else most * 1024
