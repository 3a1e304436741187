"""How large a network is, and how much of it is trained."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Size:
    """Numbers of parameters; tied weights count once."""

    total: int
    trainable: int

    def __str__(self) -> str:
        """`7,737,708,544 parameters, 0.26 % trained`."""
        share = 100 * self.trainable / self.total if self.total else 0.0
        return f"{self.total:,} parameters, {share:.3g} % trained"


def describe(net: "nn.Module") -> Size:
    """Count parameters; of 4-bit weights, stored two to a byte, the numbers they stand for."""
    counted = [(_elements(weight), weight.requires_grad) for weight in net.parameters()]
    return Size(sum(n for n, _ in counted), sum(n for n, trained in counted if trained))


def _elements(weight: "nn.Parameter") -> int:
    packed = getattr(weight, "quant_state", None)
    return int(packed.shape.numel()) if packed is not None else weight.numel()
