"""What plans and speeds need to know of a network: sizes alone, without its weights.

The model room reads it from a checkpoint, the training room computes memory and FLOPs with it.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """A kind of linear layer: `count` matrices of `outputs` × `inputs`, under the last part of their name."""

    name: str
    outputs: int
    inputs: int
    count: int

    @property
    def parameters(self) -> int:
        """Of all matrices of this kind, biases not counted."""
        return self.outputs * self.inputs * self.count


@dataclass(frozen=True)
class Anatomy:
    """The sizes of a decoder; `linears` are those of its blocks, and what is not a matrix is in `vectors`."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    linears: tuple[Linear, ...]
    vectors: int  # parameters of norms, biases and whatever else is neither block matrix nor embedding
    tied: bool  # the head is the embedding
    norms: int = 2  # of the width `hidden`, per block
    head_norms: bool = False  # queries and keys are normed too, as in Qwen3
    gated: bool = True  # the MLP multiplies an activated half with a plain one
    kind: str = ""  # the model_type of its config.json
    stored: str = ""  # kind of number on disk, in safetensors' words: BF16, F32, …
    doubt: str = ""  # why a plan made from this is rough; empty where it is not

    @property
    def embedding(self) -> int:
        """Parameters of the embedding."""
        return self.vocabulary * self.hidden

    @property
    def head(self) -> int:
        """Parameters of a head that is a matrix of its own."""
        return 0 if self.tied else self.embedding

    @property
    def blocks(self) -> int:
        """Parameters of the blocks' matrices: what every token is multiplied with, and NF4 compresses."""
        return sum(kind.parameters for kind in self.linears)

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.blocks + self.embedding + self.head + self.vectors

    def adapted(self, names: Collection[str] = ()) -> tuple[Linear, ...]:
        """The kinds of linear layers under these names; without names, all."""
        return tuple(kind for kind in self.linears if not names or kind.name in names)

    def adapter(self, rank: int, names: Collection[str] = ()) -> int:
        """LoRA parameters: rank × (inputs + outputs) of every adapted matrix (Hu et al. 2021)."""
        return sum(rank * (kind.inputs + kind.outputs) * kind.count for kind in self.adapted(names))
