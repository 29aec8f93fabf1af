"""The run context of dlt: its folder, its settings, and a check between its steps.

dlt would read settings from the environment, the current folder and its home. Many of its variables have plain names,
such as `WORKERS`, `REFRESH` or `DEV_MODE`. Importing this module imports dlt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dlt.common.configuration.providers.dictionary import DictionaryProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.runtime.collector import NullCollector
from dlt.common.runtime.run_context import RunContext

_SETTINGS: Final[dict[str, Any]] = {
    "runtime": {"dlthub_telemetry": False, "log_level": "CRITICAL", "intercept_signals": False},
    "extract": {"next_item_mode": "fifo"},
    "data_writer": {"buffer_max_items": 10_000},
    "load": {"raise_on_max_retries": 2},
}


class ConfinedContext(RunContext):
    """A context with these settings only, whose files are in `folder`."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._global_dir = folder  # dlt has no other way to name it to a root user

    def initial_providers(self) -> list[ConfigProvider]:
        settings = DictionaryProvider()
        settings._config_doc = _SETTINGS
        return [settings]


class Checks(NullCollector):
    """Calls `check` whenever dlt reports progress; its exception ends the step."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def update(self, *_: Any, **__: Any) -> None:
        self._check()
