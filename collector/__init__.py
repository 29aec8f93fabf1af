"""Polytomic connection ids in, one normalized record per connection out, every id accounted for.

    async for outcome in collector.collect(ids, collector.Settings()):
        print(outcome.id, outcome.kind, outcome.record)

`collector.cli` is the command line. The documentation describes records, outcomes and manifests.

Each public name is imported at its first use (PEP 562), so that the command line can install its signal handlers before
the slow imports.
"""

from importlib import import_module

from collector.version import VERSION

TYPE_CHECKING = False  # type checkers recognize this name; importing it from `typing` would delay the signal handlers
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

_MODULES = {
    "run.settings": {"Api", "Ids", "Limits", "Log", "Output", "Retry", "Settings"},
    "run.stream": {"collect"},
    "model.outcome": {"Outcome", "OutcomeKind"},
    "model.record": {"FIELDS", "SCHEMA", "Record"},
}

if not TYPE_CHECKING:  # with it, a type checker would accept any name

    def __getattr__(name: str) -> object:
        """Import a public name from the module that defines it."""
        if name not in __all__:
            raise AttributeError(f"module 'collector' has no attribute {name!r}")
        module = next((module for module, names in _MODULES.items() if name in names), "model.errors")
        value = globals()[name] = getattr(import_module(f"collector.{module}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
