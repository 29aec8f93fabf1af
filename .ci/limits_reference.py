"""Write docs/reference/limits.md: every fixed bound of the program, with its value from the code.

python .ci/limits_reference.py            write it
python .ci/limits_reference.py --check    exit code 1 when it is not what the code says
"""

import sys
from collections.abc import Callable
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from page import write_or_check

from collector.run.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "limits.md"

HEAD = """\
# Limits

`python .ci/limits_reference.py` generates this page from the values in the code. A test compares the two. These bounds
are fixed. The bounds at the end are settings: the page on [settings](settings.md) says how to change them.
"""


class Limit(NamedTuple):
    """One bound: the thing, where its value stands in the code, how to write it, and what happens beyond it."""

    thing: str
    place: str
    unit: Callable[[float], str]
    beyond: str


def of(noun: str) -> Callable[[float], str]:
    """A number and its unit."""
    return lambda value: f"{value:,g} {noun}".strip() if value < 1_000_000 else f"{value:,.0f} {noun}".strip()


def size(value: float) -> str:
    """Bytes in the largest binary unit that gives a whole number."""
    found = int(value)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if found % 1024 or unit == "GiB":
            return f"{found:,} {unit}"
        found //= 1024
    raise AssertionError


COUNT, SECONDS, CHARACTERS = of(""), of("s"), of("characters")

FIXED = {
    "Replies": [
        Limit(
            "body, compressed, as received",
            "collector.client.transport.body:MAX_WIRE_BYTES",
            size,
            "the outcome is `too_large`",
        ),
        Limit(
            "body, decompressed", "collector.client.transport.body:MAX_BODY_BYTES", size, "the outcome is `too_large`"
        ),
        Limit(
            "body of an error reply",
            "collector.client.transport.aiohttp_transport:_MAX_ERROR_BODY_BYTES",
            size,
            "the status decides; the message is dropped",
        ),
        Limit(
            "time to read the body of an error reply",
            "collector.client.transport.aiohttp_transport:_ERROR_BODY_TIMEOUT",
            SECONDS,
            "the status decides; the message is dropped",
        ),
        Limit(
            "encodings of one body (`Content-Encoding`)",
            "collector.client.transport.content_coding:_MAX_CODINGS",
            COUNT,
            "the body is unusable",
        ),
        Limit("nesting of JSON", "collector.model.strict_json:MAX_DEPTH", of("levels"), "the body is unusable"),
        Limit("integer", "sys:int_info.default_max_str_digits", of("digits"), "it becomes text, counted as `repaired`"),
        Limit(
            "list of `--all`, decompressed",
            "collector.polytomic.discovery:MAX_LIST_BYTES",
            size,
            "the run stops (exit code 5)",
        ),
        Limit(
            "one item of that list",
            "collector.model.json_array:MAX_ITEM_LENGTH",
            CHARACTERS,
            "the run stops (exit code 5)",
        ),
        Limit(
            "time for that list",
            "collector.client.transport.aiohttp_transport:_STREAM_TIMEOUT_FACTOR",
            of("times `--total-timeout`"),
            "the attempt fails",
        ),
        Limit(
            "server's message in the errors file",
            "collector.polytomic.envelope:MAX_ERROR_LENGTH",
            CHARACTERS,
            "it is truncated",
        ),
    ],
    "Requests": [
        Limit(
            "attempts after an unusable body",
            "collector.client.retry:RetryPolicy.max_bad_payloads",
            COUNT,
            "the outcome is `bad_payload`",
        ),
        Limit(
            "throttled replies for one id",
            "collector.client.retry:RetryPolicy.max_throttles",
            COUNT,
            "the outcome is `exhausted`",
        ),
        Limit(
            "shortest upper bound of a back-off",
            "collector.client.retry:RetryPolicy.base",
            SECONDS,
            "it doubles each time",
        ),
        Limit("longest back-off of one id", "collector.client.retry:RetryPolicy.cap", SECONDS, "it stays there"),
        Limit(
            "retry budget of a run, in tokens",
            "collector.governor.retry_budget:FULL",
            COUNT,
            "an empty budget is an outage",
        ),
        Limit(
            "tokens for a retry after a failure",
            "collector.governor.retry_budget:AFTER_FAILURE",
            COUNT,
            "subtracted from the budget",
        ),
        Limit(
            "tokens for a retry after a throttled reply",
            "collector.governor.retry_budget:AFTER_THROTTLE",
            COUNT,
            "subtracted from the budget",
        ),
        Limit(
            "first wait between two probes",
            "collector.governor.circuit_breaker:FIRST_WAIT",
            SECONDS,
            "it doubles each time",
        ),
        Limit(
            "longest wait between two probes",
            "collector.governor.circuit_breaker:MAX_WAIT",
            SECONDS,
            "it stays there",
        ),
        Limit(
            "ids in the second pass", "collector.run.second_pass:_MAX_OUTCOMES", COUNT, "further ids get no second pass"
        ),
        Limit(
            "403 replies at the start of a run",
            "collector.run.guards:_FIRST_REPLIES",
            COUNT,
            "the run ends: the key is rejected (exit code 4)",
        ),
        Limit(
            "types asked for by `--live-schemas`",
            "collector.polytomic.live_schemas:_MAX_TYPES",
            COUNT,
            "packaged schemas apply",
        ),
    ],
    "Side tables": [
        Limit("rows per page", "collector.polytomic.page_cursor:PAGE_SIZE", COUNT, "the next page is requested"),
        Limit(
            "length of a page token", "collector.polytomic.page_cursor:_MAX_TOKEN_LENGTH", CHARACTERS, "table `partial`"
        ),
        Limit(
            "pages in sequence without a new row",
            "collector.polytomic.page_cursor:_MAX_STALE_PAGES",
            COUNT,
            "table `partial`",
        ),
        Limit(
            "connections without a success at the start of a table",
            "collector.polytomic.enrichment:_FIRST_REPLIES",
            COUNT,
            "the table is not read further",
        ),
    ],
    "Drift": [
        Limit(
            "values of one record, of which the shape has the type",
            "collector.model.record_fields:_MAX_VALUES",
            COUNT,
            "the object or array is counted as `left_out`",
        ),
        Limit(
            "nesting of these values",
            "collector.model.record_fields:_MAX_DEPTH",
            of("levels"),
            "the value is counted as `left_out`",
        ),
        Limit(
            "length of a path",
            "collector.model.record_fields:MAX_PATH_LENGTH",
            CHARACTERS,
            "the value is counted as `left_out`",
        ),
        Limit(
            "fields of one type", "collector.model.shape:MAX_FIELDS", COUNT, "the first ones of the alphabet are kept"
        ),
        Limit("connection types", "collector.model.shape:MAX_TYPES", COUNT, "the first ones of the alphabet are kept"),
        Limit(
            "fields of all types",
            "collector.model.shape:MAX_ALL_FIELDS",
            COUNT,
            "the last types of the alphabet are left out",
        ),
        Limit("sample ids of a field", "collector.model.shape:MAX_IDS", COUNT, "the first ones are kept"),
        Limit(
            "lines of drift on standard error",
            "collector.run.observers.drift_warnings:MAX_LISTED",
            COUNT,
            "further ones are counted only",
        ),
    ],
    "Keys": [
        Limit("length of a key", "collector.client.auth.header:MAX_KEY_LENGTH", CHARACTERS, "exit code 2"),
        Limit("time for `key_command`", "collector.client.auth.key_sources:KEY_TIMEOUT", SECONDS, "exit code 2"),
        Limit(
            "shortest key for fingerprints", "collector.redaction.fingerprint:MIN_KEY_LENGTH", CHARACTERS, "exit code 2"
        ),
    ],
    "Id input": [
        Limit(
            "invalid lines named in messages",
            "collector.run.ids.id_input:MAX_REPORTED",
            COUNT,
            "further ones are counted only",
        ),
        Limit("one line of a file", "collector.run.ids.id_text:MAX_LINE_LENGTH", CHARACTERS, "exit code 2"),
        Limit("one element of a JSON array", "collector.model.json_array:MAX_ITEM_LENGTH", CHARACTERS, "exit code 2"),
        Limit(
            "one quoted field of a table that a database printed",
            "collector.run.ids.tables:_MAX_SPAN_LINES",
            of("lines"),
            "its quotes are ordinary characters",
        ),
    ],
    "Files": [
        Limit("length of a file name", "collector.snapshot.layout:_MAX_NAME_BYTES", of("bytes"), "exit code 6"),
        Limit("symbolic links to an output", "collector.snapshot.sinks.target:_MAX_LINKS", COUNT, "exit code 6"),
        Limit("records between two syncs", "collector.snapshot.sinks.writer:_SYNC_LINES", COUNT, "they are synced"),
        Limit(
            "time between two syncs",
            "collector.snapshot.sinks.writer:_SYNC_SECONDS",
            SECONDS,
            "the next poll syncs, within 1 s",
        ),
        Limit(
            "ids and outcomes in the window of `--order input`",
            "collector.run.record_order:_MAX_PLACES",
            COUNT,
            "no further id is requested until the first one ends",
        ),
        Limit(
            "records that wait in it",
            "collector.run.record_order:_MAX_HELD_BYTES",
            size,
            "likewise",
        ),
        Limit(
            "age of an unfinished run that `--resume auto` resumes",
            "collector.snapshot.sinks.resume:_MAX_AGE_SECONDS",
            lambda value: f"{value / 3600:g} hours",
            "it is quarantined",
        ),
        Limit(
            "one line or compressed member when a run is resumed",
            "collector.storage.blocks:_MAX_BLOCK_SIZE",
            size,
            "it is corrupt",
        ),
        Limit(
            "paths that one manifest distinguishes",
            "collector.model.ledger:_MAX_PATHS",
            COUNT,
            "they are counted as `(other)`",
        ),
        Limit(
            "length of such a path", "collector.model.ledger:_MAX_PATH_LENGTH", CHARACTERS, "it is counted as `(other)`"
        ),
        Limit(
            "failed ids listed on standard error, without an errors file",
            "collector.snapshot.sinks.stream_sink:MAX_LISTED",
            COUNT,
            "further ones are counted only",
        ),
    ],
    "Redaction": [
        Limit(
            "shortest random-looking word that is masked",
            "collector.redaction.detect.entropy:_MIN_LENGTH",
            CHARACTERS,
            "shorter words stay, unless another rule masks them",
        ),
        Limit(
            "JSON inside JSON texts",
            "collector.redaction.walker:_MAX_TEXT_DEPTH",
            of("levels"),
            "deeper texts are masked whole",
        ),
    ],
    "Shutdown": [
        Limit(
            "time for requests in flight after a signal", "collector.run.shutdown:_GRACE", SECONDS, "they are abandoned"
        ),
        Limit(
            "time until the process ends after a signal",
            "collector.run.shutdown:_EXIT_WITHIN",
            SECONDS,
            "it ends at once",
        ),
    ],
}

DEFAULTS = {
    "rate": ("limits.rate", of("requests/s")),
    "concurrency": ("limits.concurrency", COUNT),
    "max_pause": ("limits.max_pause", SECONDS),
    "outage_limit": ("limits.outage_limit", SECONDS),
    "max_attempts": ("retry.max_attempts", COUNT),
    "connect_timeout": ("retry.connect_timeout", SECONDS),
    "read_timeout": ("retry.read_timeout", SECONDS),
    "total_timeout": ("retry.total_timeout", SECONDS),
    "id_timeout": ("retry.id_timeout", SECONDS),
    "part_bytes": ("output.part_bytes", of("bytes")),
    "max_record_bytes": ("output.max_record_bytes", of("bytes")),
}


def page_of() -> str:
    tables = (
        f"\n## {title}\n\n| limit | value | beyond it |\n|---|---|---|\n" + "".join(map(row, limits))
        for title, limits in FIXED.items()
    )
    defaults = "".join(
        f"| `{name}` | {unit(reduce(getattr, place.split('.'), Settings()))} |\n"
        for name, (place, unit) in DEFAULTS.items()
    )
    return f"{HEAD}{''.join(tables)}\n## Defaults of settings\n\n| setting | default |\n|---|---|\n{defaults}"


def row(limit: Limit) -> str:
    return f"| {limit.thing} | {limit.unit(value_of(limit.place))} | {limit.beyond} |\n"


def value_of(place: str) -> float:
    """The constant of a module, or the default of a class's field."""
    module, _, path = place.partition(":")
    found: object = import_module(module)
    for name in path.split("."):
        found = getattr(found() if isinstance(found, type) else found, name)
    if not isinstance(found, int | float):
        raise TypeError(f"{place} is not a number")
    return found


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page_of(), sys.argv[1:]))
