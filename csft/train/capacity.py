"""How much memory a device has left for training."""

import os
from pathlib import Path

_CGROUPS = (  # limit and use of version 2, then of version 1
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def capacity(device: str, proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that are free now: of the CUDA device, or of main memory within the container's limit.

    Of a GPU what other programs hold is not free; an "80 GB" H100 gives 85·10⁹ bytes when it is empty.
    """
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return min(_available(proc), *_left_in_groups(cgroup))


def _available(proc: Path) -> int:
    """What Linux could give without swapping; elsewhere all of the memory."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(values["MemAvailable"].split()[0]) * 1024


def _left_in_groups(cgroup: Path) -> list[int]:
    """Limit less use, page cache not counted, which gives way; far above any memory without a limit."""
    left = [2**62]
    for limit, use in _CGROUPS:
        try:
            most, used = (cgroup / limit).read_text().strip(), int((cgroup / use).read_text())
            stat = (cgroup / use).with_name("memory.stat").read_text().split()
        except (OSError, ValueError):
            continue
        if most.isdecimal():
            counts = dict(zip(stat[::2], map(int, stat[1::2]), strict=False))
            left.append(max(0, int(most) - used + counts.get("inactive_file", 0)))
    return left
