"""What Hydra calls for `--multirun`: a study instead of a list of jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class StudySweeper(Sweeper):
    """Searches with Optuna; `params` and `when` are a file's search space, as csft/study/space.py says."""

    def __init__(
        self,
        params: Mapping[str, Any] | None = None,
        when: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.params, self.when = params or {}, when or {}
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed, and make the launcher that it names."""
        from hydra.core.plugins import Plugins

        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: Sequence[str]) -> Any:
        """Run the study that the words on the command line and the sweep file describe."""
        from csft.study.conducting import conduct

        assert self.launcher is not None
        return conduct(self.launcher, list(arguments), _plain(self.params), _plain(self.when))


def _plain(node: Mapping[str, Any]) -> dict[str, Any]:
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else dict(node)  # type: ignore[return-value]
