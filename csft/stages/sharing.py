"""One trial's part in shared stages: what it begins from, and what it leaves for others.

    3 epochs   ▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓   trains, and keeps the stages that others begin from
    2 epochs   ------------ ------------│               nothing is left to train
    2 epochs, another decay ---------│▓▓▓

A trial in training never waits. One that has not begun waits while another trains a stage that it could
begin from; so no two wait for each other.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from csft.console import say
from csft.stages.leases import Lease, Promise, promises
from csft.stages.route import Route
from csft.stages.store import Stage, Store
from csft.train import Checkpoint
from csft.train.checkpoints import Parts

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Promised:
    """Why a trial had better wait: another one is training the stage after `step` updates."""

    trial: str
    step: int

    def __str__(self) -> str:
        return f"waiting for update {self.step} of {self.trial}, which trains the same so far"


class Sharing:
    """Stages of one training.

    `points` are the updates after which others might begin from it, and whether they go on from there: where
    all of them end, the stage is of the weights alone.
    """

    def __init__(
        self,
        store: Store,
        family: str,
        trial: str,
        *,
        route: Route,
        points: Mapping[int, bool],
        texts: Callable[[int], Texts] = lambda step: {},
    ) -> None:
        self.store, self.family, self.trial, self.route = store, family, trial, route
        self._points, self._texts = points, texts
        self._lease: Lease | None = None
        self._damaged: set[Stage] = set()

    @property
    def points(self) -> Mapping[int, bool]:
        """The updates after which the state is to be kept from here on; whole, or its weights."""
        return {step: self._points[step] for step in self._lease.promise.stages} if self._lease else {}

    def claim(self, own: Checkpoint | None = None) -> Checkpoint | Promised | None:
        """What training begins from: `own`, the furthest stage, nothing (None); or who is to be waited for.

        Unless it is to wait, the trial promises its own stages; `end` has to be called when it has trained.
        """
        while True:
            with self.store.lock():
                others = list(promises(self._leases))
                found = None if own else self._furthest()
                if not own and (promised := self._promised(others, found.step if found else 0)):
                    return promised
                self._promise(own.step if own else found.step if found else 0, found)
            if not found:
                return own
            if start := self.store.read(found, self.family, self._digest(found)):
                return _shared(start)
            self._damaged.add(found)
            self.end()

    def promised(self) -> Promised | None:
        """Who is still to be waited for; nothing is claimed."""
        with self.store.lock():
            found = self._furthest()
            return self._promised(list(promises(self._leases)), found.step if found else 0)

    def save(self, step: int, parts: Parts, state: Mapping[str, Any]) -> None:
        """Keep the state after `step` updates as a stage; what cannot be written is said."""
        assert self._lease
        self._lease.begun()
        try:
            if self._room(sum(tensor.nbytes for tensors in parts.values() for tensor in tensors.values())):
                state = {**state, "by": self.trial}
                digest = self.route.digest(step, self._points[step])
                self.store.write(self.family, digest, step, parts=parts, state=state, texts=self._texts(step))
        except OSError as error:
            say(f"the stage of update {step} could not be written ({error}); training goes on")
        finally:
            self._lease.kept(step)

    def end(self) -> None:
        """The trial trains no more: nobody waits for it."""
        if self._lease:
            self._lease.end()
            self._lease = None

    def _room(self, size: int) -> bool:
        with self.store.lock():
            at_work = list(promises(self._leases))
            used = {one.uses for one in at_work}
            there_is = self.store.make_room(size, used, {one.family for one in at_work})
        if not there_is:
            say(f"no room for a stage of {size / 1e9:.3g} GB: study.share_gb={self.store.most / 1e9:g}")
        return there_is

    @property
    def _leases(self) -> Any:
        return self.store.folder / "leases"

    def _furthest(self) -> Stage | None:
        for stage in self.store.stages(self.family):
            if stage in self._damaged or stage.step > len(self.route):
                continue
            if self._digest(stage):
                return stage
        return None

    def _digest(self, stage: Stage) -> str:
        """The whole digest of a stage that this training can begin from; empty for any other."""
        of_mine = self.route.digests(stage.step)
        return next((digest for digest in of_mine if digest.startswith(stage.digest)), "")

    def _promised(self, others: Collection[Promise], there: int) -> Promised | None:
        """Who trains the furthest stage that is further than what is there."""
        found = [
            Promised(one.trial, step)
            for one in others
            for step, digest in (one.stages.items() if one.family == self.family else ())
            if there < step <= len(self.route) and digest in self.route.digests(step)
        ]
        return max(found, key=lambda one: one.step, default=None)

    def _promise(self, begin: int, uses: Stage | None) -> None:
        wanted = sorted(self._points.items())
        stages = {step: self.route.digest(step, whole) for step, whole in wanted if step > begin}
        folder = str(uses.folder) if uses else ""
        self._lease = Lease(self._leases, Promise(self.family, self.trial, stages, folder))


def _shared(stage: Checkpoint) -> Checkpoint:
    """A stage as what a trial goes on from, which counts its updates as another's."""
    done, by = stage.state["done"], stage.state["by"]
    done = {**done, "shared_updates": stage.step, "shared_seconds": done["seconds"], "shared_from": by}
    return replace(stage, state={**stage.state, "done": done})
