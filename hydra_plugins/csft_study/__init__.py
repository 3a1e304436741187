"""Where Hydra looks for plugins: it takes classes of this module alone."""

from csft.study import launcher, sweeper


class StudySweeper(sweeper.StudySweeper):
    """`hydra/sweeper=study`: an Optuna study."""


class LocalLauncher(launcher.LocalLauncher):
    """`hydra/launcher=local`: its workers on this machine."""
