"""The stages room: trainings that begin alike are trained once as far as they are, and go on from there."""

from csft.stages.family import family
from csft.stages.route import Route
from csft.stages.sharing import Promised, Sharing
from csft.stages.store import Store
from csft.stages.tail import KEYS, Tail

__all__ = ["KEYS", "Promised", "Route", "Sharing", "Store", "Tail", "family"]
