"""Polytomic connection ids in, one normalized record per connection out, every id accounted for.

    async for outcome in collector.collect(ids, collector.Settings()):
        print(outcome.id, outcome.kind, outcome.record)

The command line is `collector.cli`; what a record, an outcome and a manifest are is in README.md. A name is imported
when it is first used (PEP 562): the command line listens for signals before it waits for the imports.
"""

from importlib import import_module

from collector.version import VERSION

TYPE_CHECKING = False  # as type checkers read it; importing it from `typing` takes a while in which a signal may come
if TYPE_CHECKING:
    from collector.model.errors import (
        CollectorError,
        ConfigError,
        ExitCode,
        InputError,
        KeyRefused,
        OutputError,
        OutputLocked,
        RunStopped,
        UsageError,
    )
    from collector.model.outcome import Outcome, OutcomeKind
    from collector.model.record import FIELDS, SCHEMA, Record
    from collector.run.settings import Api, Ids, Limits, Log, Output, Retry, Settings
    from collector.run.stream import collect

__version__ = VERSION

__all__ = [
    "FIELDS",
    "SCHEMA",
    "Api",
    "CollectorError",
    "ConfigError",
    "ExitCode",
    "Ids",
    "InputError",
    "KeyRefused",
    "Limits",
    "Log",
    "Outcome",
    "OutcomeKind",
    "Output",
    "OutputError",
    "OutputLocked",
    "Record",
    "Retry",
    "RunStopped",
    "Settings",
    "UsageError",
    "__version__",
    "collect",
]

_HOMES = {
    "run.settings": {"Api", "Ids", "Limits", "Log", "Output", "Retry", "Settings"},
    "run.stream": {"collect"},
    "model.outcome": {"Outcome", "OutcomeKind"},
    "model.record": {"FIELDS", "SCHEMA", "Record"},
}

if not TYPE_CHECKING:  # a type checker would take every name for one that exists

    def __getattr__(name: str) -> object:
        """The public name, from its home."""
        if name not in __all__:
            raise AttributeError(f"module 'collector' has no attribute {name!r}")
        home = next((home for home, names in _HOMES.items() if name in names), "model.errors")
        found = globals()[name] = getattr(import_module(f"collector.{home}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
