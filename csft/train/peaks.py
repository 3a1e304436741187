"""The fastest a GPU can multiply dense matrices, by the name torch gives it."""

import re

# 10¹² operations per second in bfloat16 and float16, sums in float32, without sparsity, as the vendors' data
# sheets and architecture papers state (where only the sparse figure is printed, half of it). The first row
# whose words all stand in the name counts; None: known not to be the chip that a later row means.
_PEAKS: tuple[tuple[str, float | None], ...] = (
    ("mig", None),  # a slice of a GPU
    ("laptop", None),
    ("max q", None),
    ("gb200", 2500.0),
    ("b200", 2250.0),
    ("b100", 1750.0),
    ("gh200", 989.4),
    ("h200 nvl", 835.5),
    ("h200", 989.4),
    ("h100 nvl", 835.5),
    ("h100 pcie", 756.0),
    ("h100", 989.4),
    ("h800 pcie", 756.0),
    ("h800", 989.4),
    ("h20", 148.0),
    ("a100", 312.0),
    ("a800", 312.0),
    ("a40", 149.7),
    ("a30", 165.0),
    ("a10", 125.0),
    ("l40s", 362.05),
    ("l40", 181.05),
    ("l20", 119.5),
    ("l4", 121.0),
    ("rtx pro 6000", None),
    ("6000 ada", 364.2),
    ("a6000", 154.8),
    ("5090 d", None),
    ("rtx 5090", 209.5),
    ("4090 d", None),
    ("rtx 4090", 165.2),
    ("rtx 3090 ti", 80.0),
    ("rtx 3090", 71.0),
)
# These multiply float16 alone in their tensor cores.
_HALF_ONLY = (("v100 pcie", 112.0), ("v100", 125.0), ("t4", 65.0))


def peak_flops(device_name: str, dtype: str) -> float | None:
    """Dense operations per second of a GPU, such as `NVIDIA H100 80GB HBM3`; None where it is not known.

    `dtype` is what it multiplies in: bfloat16 or float16. In float32 the peak hangs on whether TF32 is on, so
    it is None.
    """
    if dtype not in ("bfloat16", "float16"):
        return None
    words = set(re.findall(r"[a-z0-9]+", device_name.lower()))
    table = _PEAKS + (_HALF_ONLY if dtype == "float16" else ())
    found = next((peak for wanted, peak in table if words >= set(wanted.split())), None)
    return found * 1e12 if found else None


def device_peak(device: str, dtype: str) -> float | None:
    """The same of the GPU that a device such as `cuda:0` is; None for a processor."""
    if not device.startswith("cuda"):
        return None
    import torch

    return peak_flops(torch.cuda.get_device_name(device), dtype)
