"""torchao's 8-bit AdamW with fair rounding, made to fit the loop. Importing this needs torchao."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torchao.optim import AdamW8bit as _AdamW8bit
from torchao.optim.subclass_8bit import OptimState8bit


class AdamW8bit(_AdamW8bit):
    """8-bit states; bfloat16 weights are rounded at random, without bias, from torch's own random numbers.

    torchao wants a tensor for the rate, which neither a schedule's state nor JSON keeps as it is: outside of
    a step it is a number. States of under 4096 numbers, or of no multiple of 256, stay in the weight's type.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], **settings: Any) -> None:
        super().__init__(groups, bf16_stochastic_round=True, **settings)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Keep the rate as a number."""
        super().add_param_group(param_group)
        self.param_groups[-1]["lr"] = float(param_group["lr"])

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One update. Compiled on a GPU alone: on a processor compiling takes a C++ compiler and minutes."""
        rates = [group["lr"] for group in self.param_groups]
        for group, rate in zip(self.param_groups, rates, strict=True):
            group["lr"] = torch.tensor(rate, dtype=torch.float32)
        try:
            with torch.compiler.set_stance("default" if self._on_gpu() else "force_eager"):
                return super().step(closure)
        finally:
            for group, rate in zip(self.param_groups, rates, strict=True):
                group["lr"] = rate

    def _on_gpu(self) -> bool:
        return bool(self.param_groups[0]["params"][0].is_cuda)


def eight_bit(codes: Tensor, scale: Tensor, qmap: Tensor, *, signed: bool, dtype: torch.dtype) -> Tensor:
    """A state of 8 bits from its parts: codes into `qmap`, and a scale for every 256 of them."""
    state: Tensor = OptimState8bit(codes, scale, qmap, signed, dtype)
    return state
