"""The study: Optuna drives trials, in one process or many, resumable and counted exactly."""
