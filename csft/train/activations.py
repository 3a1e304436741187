"""What a forward pass keeps for the backward pass, and what both need in passing, in bytes.

Derived from the tensors autograd saves when transformers' modeling_llama.py runs one operation at a time. Per
token, with h = hidden, q = heads × head_dim, k = kv_heads × head_dim, i = intermediate, a = bytes of a
number, L = length of a row:

    norm           4h the input in float32; training the weight adds a·h, the normed input
    linear layer   a × its input, once for layers that share it, where its weight is trained. LoRA on bfloat16
                   casts the input to float32 for every adapter: 4 × its input each, and 4 × rank. In passes
                   of several members (csft/model/routed.py) layers share the input as it is
    rotation       nothing: cos and sin need no gradient
    sdpa, flash    a(2q + 2k) queries, keys, values, output, and 4 × heads of log-sums. With a mask keys and
                   values are repeated (a·4q), and each block makes its own copy of the mask in numbers (a·L)
    varlen         as sdpa; what it gives for a row of several records is laid out anew for the next layer
    eager          a·3q, and per head 4L the softmax in float32; bfloat16 adds 2L, what it is rounded to
    gated MLP      a·3i: gate, activated gate, and the other half; the product is the last layer's input

Gradient checkpointing keeps a·h per block, its input, the mask, and at a time one block's full set.
"""

from collections.abc import Iterable

from csft.anatomy import Anatomy, Linear
from csft.train.workload import Workload

# These read the same tensor as the layer they are listed with.
_SHARES = {"k_proj": "q_proj", "v_proj": "q_proj", "up_proj": "gate_proj"}


def saved(net: Anatomy, work: Workload) -> int:
    """Bytes alive when the forward pass of a micro-batch's blocks is over."""
    if work.gradient_checkpointing:
        return net.layers * _input(net, work) + shared(net, work) + ends(net, work)
    first = 0 if work.full else 4 * net.hidden * work.tokens  # without a gradient its norm keeps nothing
    return net.layers * block(net, work) + shared(net, work) + ends(net, work) - first


def shared(net: Anatomy, work: Workload) -> int:
    """Bytes that all blocks read: cos and sin, and the mask where blocks will be computed again."""
    positions = work.tokens if work.own_positions else work.length
    rotation = 2 * positions * net.head_dim * work.weight_bytes
    if not work.gradient_checkpointing or not (work.masked or work.attention == "eager"):
        return rotation
    return rotation + work.tokens * work.length * (1 if work.masked else work.weight_bytes)


def ends(net: Anatomy, work: Workload) -> int:
    """Bytes the last norm saves, and of what it gives."""
    return work.tokens * net.hidden * (4 + work.weight_bytes * (1 + work.full))


def block(net: Anatomy, work: Workload) -> int:
    """Bytes one block saves for a micro-batch."""
    normed = net.norms * net.hidden
    if net.head_norms:
        normed += (net.heads + net.kv_heads) * net.head_dim
    norm = normed * (4 + work.weight_bytes * work.full) + 4 * net.norms
    mlp = net.intermediate * work.weight_bytes * (3 if net.gated else 1)
    return work.tokens * (norm + mlp + _attention(net, work) + _inputs(net, work))


def recomputed(net: Anatomy, work: Workload) -> int:
    """Bytes of the block that is computed again: in float32 its first norm keeps the input it was given."""
    given = _input(net, work) if work.weight_bytes == 4 else 0
    return block(net, work) - given if work.gradient_checkpointing else 0


def last_norm(net: Anatomy, work: Workload) -> int:
    """Bytes the last norm's backward pass needs in passing: four tensors in float32, and a gradient."""
    return work.tokens * net.hidden * (16 + work.weight_bytes)


def block_backward(net: Anatomy, work: Workload) -> int:
    """Bytes a block's backward pass needs at most on top of all the block saved, gradients not counted."""
    return max(_mlp_backward(net, work), _eager_backward(net, work))


def _mlp_backward(net: Anatomy, work: Workload) -> int:
    """Gradients of product, activated gate and other half, less the product; and of what the block gave."""
    wide, hidden, a = net.intermediate, net.hidden, work.weight_bytes
    if not net.adapted(() if work.full else work.names) or not _keeps_product(net, work):
        return work.tokens * (3 * wide + hidden) * a
    if _own_copies(work):  # the adapter's branch in float32
        return work.tokens * (4 * wide + 12 * hidden)
    return work.tokens * (2 * wide + hidden) * a


def _eager_backward(net: Anatomy, work: Workload) -> int:
    """The softmax and its gradient in float32, when the MLP's tensors are gone already."""
    if work.attention != "eager":
        return 0
    a = work.weight_bytes
    scores = net.heads * work.length * (8 if a == 4 else 6)
    kept = net.intermediate * (4 if work.full else 3) * a + net.hidden * (4 + 2 * a * work.full)
    return max(0, work.tokens * (scores - kept + 2 * net.hidden * a))


def forward_only(net: Anatomy, work: Workload, tokens: int) -> int:
    """Bytes a forward pass without gradients needs, as in an exam: the widest moment is in the MLP."""
    wide = net.intermediate * (3 * work.weight_bytes if work.full else 12)
    scores = net.heads * work.cutoff * 10 if work.attention == "eager" else 0
    return tokens * (wide + 8 * net.hidden + scores)


def _input(net: Anatomy, work: Workload) -> int:
    return work.tokens * net.hidden * work.weight_bytes


def _attention(net: Anatomy, work: Workload) -> int:
    """Bytes per token, the output projection's input not counted where attention has it anyway."""
    a, query, key = work.weight_bytes, net.heads * net.head_dim, net.kv_heads * net.head_dim
    if work.attention == "eager":
        return 3 * query * a + net.heads * work.length * (4 if a == 4 else 4 + a)
    mask = work.length * a if work.masked else 0
    return a * (2 * query + 2 * (query if work.masked else key)) + 4 * net.heads + mask


def _inputs(net: Anatomy, work: Workload) -> int:
    """Bytes per token of linear layers' inputs, and of what lies between an adapter's two matrices."""
    kinds = net.adapted(() if work.full else work.names)
    between = 0 if work.full else sum(4 * work.rank * kind.count // net.layers for kind in kinds)
    if _own_copies(work):
        dropped = (
            0 if not work.dropout else 1 if work.device == "cuda" else 4
        )  # the mask: bits' bytes, numbers
        return between + _wide(kinds, net) * (4 + dropped)
    readers = {_SHARES.get(kind.name, kind.name): kind for kind in kinds}
    if work.attention != "eager" and not (work.varlen and work.joined):
        readers.pop("o_proj", None)
    return between + _wide(readers.values(), net) * work.weight_bytes


def _wide(kinds: Iterable[Linear], net: Anatomy) -> int:
    return sum(kind.inputs * kind.count // net.layers for kind in kinds)


def _own_copies(work: Workload) -> bool:
    """Whether every adapter keeps an input of its own: cast to float32, or with numbers dropped."""
    return not (work.full or work.pass_tokens) and (work.weight_bytes < 4 or work.dropout > 0)


def _keeps_product(net: Anatomy, work: Workload) -> bool:
    """Whether the MLP's product is saved: its last layer is trained or carries an adapter."""
    kinds = net.adapted(() if work.full else work.names)
    return any(kind.inputs == net.intermediate != net.hidden or kind.name == "down_proj" for kind in kinds)
