"""Rules for the structure of the package that the import-linter contracts in pyproject.toml cannot express."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

import collector

PACKAGE = Path(collector.__file__).parent

PURE = (
    *("model.*", "redaction.*"),
    "governor.*",
    *("client.address", "client.classify", "client.failures", "client.messages", "client.retry"),
    *("client.auth.authorization", "client.auth.header", "client.auth.key_shape", "client.auth.key_wrapping"),
    "client.transport.content_coding",
    *(
        "polytomic.caller",
        "polytomic.discovery",
        "polytomic.envelope",
        "polytomic.fetch",
        "polytomic.json_array",
        "polytomic.normalize",
    ),
    *("polytomic.page_cursor", "polytomic.rows", "polytomic.table_progress", "polytomic.typed_fields"),
    *(
        "snapshot.drift",
        "snapshot.drift_json",
        "snapshot.file_format",
        "snapshot.json_document",
        "snapshot.line_form",
        "snapshot.line_types",
        "snapshot.lines",
        "snapshot.manifest",
        "snapshot.parts",
        "snapshot.sinks.framing",
        "snapshot.shape_json",
        "snapshot.sinks.resume",
        "snapshot.sinks.sink",
    ),
    *("snapshot.checked_index", "snapshot.run_account"),
    "storage.checkpoint",
    *(
        "run.ids.csv_quoting",
        "run.ids.id_cells",
        "run.ids.id_column",
        "run.ids.id_formats",
        "run.ids.json_ids",
        "run.ids.table_header",
    ),
    *("run.output_template", "run.reorder_window", "run.resume_hint", "run.second_pass", "run.ids.tables"),
    "run.observers.drift_warnings",
    "run.readiness.checks.*",
    *("warehouse.columns", "warehouse.fitting", "warehouse.schema.*", "warehouse.tap.*"),
    *("cli.service_links", "cli.text_encoding"),
    *("warehouse.load.destination", "warehouse.load.history", "warehouse.load.nul", "warehouse.load.plan"),
    "warehouse.load.row_hash",
)
"""Modules that use neither the system nor the clock nor the event loop."""

IMPURE = {"governor.shared_quota"}
"""Exceptions in rooms that are otherwise pure."""

IMPURE_IMPORTS = {
    "socket",
    "subprocess",
    "shutil",
    "tempfile",
    "threading",
    "time",
    "asyncio",
    "anyio",
    "aiohttp",
    "os",
}
"""Modules that give access to files, processes, sockets, the clock and the event loop."""

PUBLIC = {"warehouse.__init__"}
"""Rooms with a public name, which a user's own program imports. `__getattr__` imports it at its first use."""

ROOMS = sorted(path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of all imports of a file, including those inside functions."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_pure(path: Path) -> bool:
    return name_of(path) not in IMPURE and any(fnmatch(name_of(path), pattern) for pattern in PURE)


@pytest.mark.parametrize("path", [path for path in sources() if is_pure(path)], ids=name_of)
def test_a_pure_module_uses_neither_the_system_nor_the_clock_nor_the_event_loop(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports(path)} & IMPURE_IMPORTS


def test_the_list_of_pure_modules_names_existing_modules() -> None:
    names = list(map(name_of, sources()))
    assert [pattern for pattern in (*PURE, *IMPURE) if not any(fnmatch(name, pattern) for name in names)] == []


def doors() -> Iterator[tuple[str, str]]:
    """Pairs of a room and one of its doors: a module that other rooms may import."""
    linter = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in linter["contracts"]:
        for entry in contract["ignore_imports"] if contract["id"].startswith("doors-of-") else ():
            yield contract["id"].removeprefix("doors-of-"), entry.rpartition(" -> ")[2]


@pytest.mark.parametrize(("room", "door"), list(doors()))
def test_every_door_is_used_by_another_room(room: str, door: str) -> None:
    """import-linter does not report a door that no other room imports."""
    outside = [path for path in sources() if not name_of(path).startswith(f"{room}.")]
    assert any(name.startswith((f"{door}.", door)) for path in outside for name in imports(path))


@pytest.mark.parametrize("path", ROOMS, ids=name_of)
def test_a_room_documents_its_purpose_its_modules_and_what_it_must_not_know(path: Path) -> None:
    tree = ast.parse(path.read_text())
    code = [getattr(node, "name", type(node).__name__) for node in tree.body[1:]]
    assert code == (["ImportFrom", "__getattr__"] if name_of(path) in PUBLIC else []), "a docstring and nothing else"
    docstring = ast.get_docstring(tree) or ""
    purpose, modules, limits = docstring.split("\n\n")
    assert "\n" not in purpose
    assert len(modules.splitlines()) <= 6
    assert limits.startswith("Must not know: ")


def test_the_map_of_a_room_names_all_its_modules() -> None:
    unnamed = {
        name_of(path): [
            each.stem
            for each in path.parent.iterdir()
            if (each.suffix == ".py" or (each / "__init__.py").exists())
            and each.stem not in {"__init__", *_words(path.read_text())}
        ]
        for path in ROOMS
    }
    assert {room: missing for room, missing in unnamed.items() if missing} == {}


def _words(text: str) -> set[str]:
    return {word.strip("/,;.`") for word in text.split()}


def test_the_public_names_exist_and_are_unique() -> None:
    assert len(set(collector.__all__)) == len(collector.__all__)
    assert all(hasattr(collector, name) for name in collector.__all__)
    assert set(collector.__all__) <= set(dir(collector))
    assert all(getattr(collector, name) is not None for name in collector.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        collector.Nothing  # type: ignore[attr-defined]  # noqa: B018  # must raise


def test_the_command_line_handles_signals_before_it_imports_slow_modules() -> None:
    code = (
        "import sys, collector.__main__; print(*sorted(name for name in sys.modules if name.startswith('collector')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        *("collector", "collector.__main__", "collector.cli", "collector.cli.early_signals"),
        "collector.version",
    ]
