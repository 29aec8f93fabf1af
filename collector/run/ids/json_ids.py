"""Reads ids from JSON: from the objects of JSON Lines, or from the elements of one array. Pure.

An object holds its id under `id`; an element may also be the id itself. An object with two ids is invalid, because
parsers would silently use one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import orjson

from collector.model.json_array import MAX_ITEM_LENGTH, ArrayScanner, parse_item
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse_tolerantly
from collector.run.ids.id_cells import Cell, UnreadableIds


def id_in_line(line: str) -> str | None:
    """The text under `id` in the object of this line; None if there is none, or two."""
    try:
        value = orjson.loads(line)
    except ValueError:
        value = _tolerant_json(line)
    return None if isinstance(value, dict) and _has_two_ids(line) else _id_of(value)


def cells_in_array(chunks: Iterable[str]) -> Iterator[Cell]:
    """A cell for each element of `[...]` or `{"data": [...]}`. Raises `UnreadableIds` for anything else."""
    scanner, number = ArrayScanner(_parse_element, takes_bare_array=True), 0
    try:
        for chunk in chunks:
            for text in scanner.feed(chunk):
                number += 1
                yield _element(number, text)
        for text in scanner.close():
            number += 1
            yield _element(number, text)
    except NotJson:
        raise UnreadableIds(_error_after(number, has_array=scanner.has_array)) from None


def _element(number: int, text: object) -> Cell:
    return Cell(number, text if isinstance(text, str) else None, unit="element")


def _error_after(number: int, *, has_array: bool) -> str:
    if not has_array:
        return 'is neither a JSON array nor {"data": [...]}; for one object per line, use --ids-format jsonl'
    return (
        f"after element {number} the JSON is invalid or truncated, or an element exceeds {MAX_ITEM_LENGTH} characters; "
        "write the file again"
    )


def _parse_element(text: str, at: int) -> tuple[object, int]:
    value, end = parse_item(text, at)
    if isinstance(value, dict) and _has_two_ids(text, at, end):
        return None, end
    return _id_of(value), end


def _id_of(value: object) -> str | None:
    found = value.get("id") if isinstance(value, dict) else value
    return found.strip() or None if isinstance(found, str) else None


def _tolerant_json(line: str) -> Json:
    """The value of a line that a strict parser rejects only because of single values in it; else None."""
    try:
        return parse_tolerantly(line.encode("utf-8", "surrogateescape"))[0]
    except NotJson:
        return None


def _has_two_ids(text: str, at: int = 0, end: int | None = None) -> bool:
    """Does the outermost object of this valid JSON have the key `id` twice?"""
    end = len(text) if end is None else end
    if text.count('"id"', at, end) < 2 and text.find("\\u006", at, end) < 0:  # the escapes of `i` and `d`
        return False
    id_keys = [0]

    def count(pairs: list[tuple[str, Json]]) -> None:
        id_keys[0] = sum(key == "id" for key, _ in pairs)  # the outermost object comes last

    try:
        json.loads(text[at:end], object_pairs_hook=count, parse_int=str, strict=False)
    except RecursionError:  # too deep to tell
        return True
    return id_keys[0] > 1
