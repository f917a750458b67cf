"""The one family of errors that reaches a user as a line instead of a traceback."""

from __future__ import annotations


class TrainsetError(Exception):
    """Something a user can mend: what is wrong, and the hint that mends it.

    `message` names the file, line or key; `hint` names the command or edit that helps;
    `exit_code` is what the process ends with (1 trouble, 2 usage, 3 a plugin's failure).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class ConfigError(TrainsetError):
    """`trainset.toml` (or a machine's `local.toml`) says something that cannot be used."""


class RecordError(TrainsetError):
    """A label file holds something that is not a sound record."""


class MediaError(TrainsetError):
    """An item's media is missing, damaged or not what its modality expects."""


class ModelError(TrainsetError):
    """A model file, or what a model returned, cannot be used."""


class PluginError(TrainsetError):
    """A plugin is missing, broken or clashes with another."""

    exit_code = 3


class UsageError(TrainsetError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = 2
