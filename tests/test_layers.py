"""Imports point inward only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import collector

PACKAGE = Path(collector.__file__).parent

RINGS: tuple[set[str], ...] = (
    # 0: pure
    {
        *(
            "account",
            "adaptive_rate",
            "address",
            "breaker",
            "budget",
            "checkpoint",
            "concurrency",
            "content_coding",
            "deferral",
            "governor",
        ),
        "credential",
        "errors",
        *("ids", "lazy_pattern"),
        "limit_belief",
        "limiter",
        "lines",
        "manifest",
        "model",
        "normalize",
        *("output_template", "pace", "pauses", "payload", "queueing", "quota", "quoting", "resume_hint"),
        "record_line",
        *("rate_meter", "redact", "repair"),
        "retry_after",
        "retrying",
        "run_head",
        *("detect", "fingerprint", "key_wrapping", "keylike", "scrubber"),
        "secret",
        *("server_limit", "service_links", "stated_quota"),
        *("tables", "text_encoding", "timestamps"),
        "version",
    },
    # 1: I/O
    {
        *(
            "aside",
            "batch",
            "codec",
            "config",
            "deadline",
            "early_signals",
            "filesystem",
            "files",
            "journal",
            "key",
            "key_sources",
            "leftovers",
            "names",
            *("preflight", "publication"),
        ),
        *(
            "recovery",
            "run_output",
            "shared_quota",
            "sink",
            "snapshot",
            "source",
            "stream_sink",
            "stretches",
            "tls",
            "transport",
            "trust",
            "watchdog",
        ),
    },
    # 2: flow
    {
        *(
            "asking",
            "attempt_log",
            "engine",
            "fetch",
            "listing",
            "live_schemas",
            "pacing",
            "pipeline",
            "run",
            "stopping",
        ),
        "stream",
        "verification",
        "",
    },
    # 3: optional
    {"sandbox"},
    # 4: the command line
    {"cli", "__main__"},
)
RING_OF = {module: number for number, ring in enumerate(RINGS) for module in ring}

HOMES = {
    "aiohttp": {"transport", "sandbox"},
    "tenacity": {"retrying"},
    "cyclopts": {"config", "cli"},
    "rich": {"cli"},
    "keyring": {"key_sources"},
    "http_sf": {"server_limit"},
}
"""Third parties, and the only modules that know of them."""

DOORS_OUT = {"socket", "subprocess", "shutil", "tempfile", "threading", "time", "asyncio", "anyio", "aiohttp", "os"}
"""What no pure module needs: files, processes, sockets, the clock and the loop."""


def module_of(path: Path) -> str:
    """The name of a module below the package, that of its folder for a module of a subpackage, "" for the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, as `module_of` names them."""
    for name in imports(path):
        package, _, rest = name.partition(".")
        if package == "collector":
            module = rest.partition(".")[0]
            yield module if module in RING_OF else ""


def test_every_module_has_its_ring() -> None:
    assert {module_of(path) for path in sources()} == RING_OF.keys()
    assert len(RING_OF) == sum(map(len, RINGS))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_inward_only(path: Path) -> None:
    ring = RING_OF[module_of(path)]
    outward = {name for name in own_imports(path) if RING_OF[name] > ring}
    assert outward == set()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_third_party_has_one_home(path: Path) -> None:
    parties = {name.partition(".")[0] for name in imports(path)}
    for party in parties & HOMES.keys():
        assert module_of(path) in HOMES[party], party


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_the_command_line(path: Path) -> None:
    if RING_OF[module_of(path)] < RING_OF["cli"]:
        assert not {"cli", "__main__"} & set(own_imports(path))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_sandbox_is_never_imported_by_the_core(path: Path) -> None:
    if RING_OF[module_of(path)] < RING_OF["sandbox"]:
        assert "sandbox" not in own_imports(path)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_pure_module_reaches_neither_the_system_nor_the_clock_nor_the_loop(path: Path) -> None:
    if module_of(path) in RINGS[0]:
        assert not {name.partition(".")[0] for name in imports(path)} & DOORS_OUT


def cycles(graph: dict[str, set[str]]) -> set[str]:
    """The modules that import each other, directly or not."""
    left = {module: set(others) for module, others in graph.items()}
    while free := {module for module, others in left.items() if not others & left.keys()}:
        left = {module: others for module, others in left.items() if module not in free}
    return set(left)


def test_no_two_modules_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in sources():
        graph.setdefault(module_of(path), set()).update(set(own_imports(path)) - {module_of(path)})
    assert cycles(graph) == set()


def test_the_public_names_are_all_there_once() -> None:
    assert len(set(collector.__all__)) == len(collector.__all__)
    assert all(hasattr(collector, name) for name in collector.__all__)
    assert set(collector.__all__) <= set(dir(collector))
    assert all(getattr(collector, name) is not None for name in collector.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        collector.Nothing  # type: ignore[attr-defined]  # noqa: B018  # that is the point


def test_the_command_line_listens_for_signals_before_it_loads_anything_slow() -> None:
    code = (
        "import sys, collector.__main__; print(*sorted(name for name in sys.modules if name.startswith('collector')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["collector", "collector.__main__", "collector.early_signals", "collector.version"]
