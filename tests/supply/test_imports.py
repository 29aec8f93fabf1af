"""Startup loads only reviewed distributions, and no module executes text as code."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

import collector
from tests.supply import toml

PACKAGE = Path(collector.__file__).parent

LOADED = """
import json, sys
from importlib.metadata import distribution, packages_distributions
before = set(sys.modules)
sys.argv = ["collector", *{arguments!r}]
sys.stdout, out = sys.stderr, sys.stdout
try:
    import collector
    if sys.argv[1:]:
        import collector.__main__
        collector.__main__.main()
    else:
        collector.collect  # as a program does: the package imports a public name at its first use
except SystemExit as end:
    assert end.code == 0, end.code
modules = sorted(set(sys.modules) - before)
owners_of = packages_distributions()

def owners(module):
    names = owners_of.get(module.partition(".")[0], [])
    if len(names) < 2:
        return names
    if "." not in module:  # a shared namespace package, such as `backports`: only its submodules have an owner
        return []
    place = getattr(sys.modules[module], "__file__", None)
    return [name for name in names if any(str(file.locate()) == place for file in distribution(name).files or ())]

found = sorted({{name for module in modules for name in owners(module)}})
json.dump({{"modules": modules, "distributions": found}}, out)
"""
"""Run in a separate interpreter: prints the modules that startup loads, and the distributions that own them."""

STARTUPS = pytest.mark.parametrize("arguments", [[], ["--help"], ["collect", "--help"]], ids=" ".join)


def loaded(arguments: list[str]) -> dict[str, list[str]]:
    code = LOADED.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@STARTUPS
def test_startup_loads_only_reviewed_distributions(arguments: list[str]) -> None:
    reviewed = {name for part in toml("requirements/runtime.toml").values() for name in part}
    found = {canonicalize_name(name) for name in loaded(arguments)["distributions"]}
    assert "cyclopts" in found
    assert found - {"polytomic-collector"} <= reviewed


@STARTUPS
def test_startup_loads_no_server_no_extra_and_no_test_tool(arguments: list[str]) -> None:
    unwanted = ("aiohttp.web", "collector.sandbox", "keyring", "pyarrow", "pytest", "_pytest", "hypothesis", "trustme")
    modules = loaded(arguments)["modules"]
    assert "collector" in modules
    assert [name for name in modules if name.startswith(unwanted)] == []


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.spawnv"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "yaml", "code", "ctypes.util", "telnetlib", "ftplib"}


def dangers(source: str) -> Iterator[str]:
    """Constructs in `source` that execute text as code, unpickle objects or run a shell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in FORBIDDEN_CALLS:
                yield name
            yield from (
                f"{name}(shell=…)"
                for keyword in node.keywords
                if keyword.arg == "shell" and ast.unparse(keyword.value) != "False"
            )
            if name.endswith(("getoutput", "getstatusoutput", "create_subprocess_shell")):
                yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in FORBIDDEN_MODULES:
            yield node.module


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_executes_text_unpickles_objects_or_uses_a_shell(path: Path) -> None:
    assert list(dangers(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "eval(x)",
        "exec(x)",
        "import pickle",
        "from marshal import loads",
        "import yaml",
        "subprocess.run(x, shell=True)",
        "subprocess.run(x, shell=y)",
        "os.system(x)",
        "subprocess.getoutput(x)",
        "await asyncio.create_subprocess_shell(x)",
    ],
)
def test_each_dangerous_construct_is_detected(source: str) -> None:
    assert list(dangers(source))
