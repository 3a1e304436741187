"""Several adapters on one base, called like one network: every row of a batch belongs to a member."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from csft.model.together import Share, Together


class Joint:
    """A network for inference whose rows have owners: the numbers under which members have joined."""

    def __init__(self, together: Together) -> None:
        self.together = together
        self.device, self.config = together.net.device, together.net.config
        self.generation_config = together.net.generation_config
        self.training = False

    def __call__(self, *, owners: Sequence[int], **inputs: Any) -> Any:
        """What each row's member gives for it. Quick where a member's rows stand together."""
        shares = [Share(member, len(list(rows))) for member, rows in groupby(owners)]
        with self.together.routed(shares, 0):
            return self.together.net(**inputs)
