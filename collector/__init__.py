"""Polytomic connection ids in, one normalized record per connection out, every id accounted for.

    async for outcome in collector.collect(ids, collector.Settings()):
        print(outcome.id, outcome.kind, outcome.record)

The command line is `collector.cli`; what a record, an outcome and a manifest are is in README.md.
"""

from collector.config import Api, Ids, Limits, Log, Output, Retry, Settings
from collector.errors import (
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
from collector.model import FIELDS, SCHEMA, Outcome, OutcomeKind, Record
from collector.stream import collect
from collector.version import VERSION

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
