"""Every shell and Python block of the README, the tutorial and the guides runs, and every configuration loads."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from collector.cli.main import app
from tests.support.doc_blocks import RUN, SHOWN, Block, BlockFailed, Shell, blocks_of, make_lines
from tests.support.postgres import postgres_server

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BY_HAND = [ROOT / "README.md", ROOT / "docs/tutorial.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]
"""The pages whose blocks a reader types."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_every_block_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    blocks = [block for block in blocks_of(page, ROOT) if block.language in RUN]
    with ExitStack() as stack:
        environ = {}
        if any("$DATABASE_URL" in block.text for block in blocks):
            environ["DATABASE_URL"] = stack.enter_context(postgres_server(tmp_path / "postgres")).url
        shell = stack.enter_context(Shell(tmp_path, ROOT, environ))
        for block in blocks:
            shell.run(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_known_language(page: Path) -> None:
    assert [block.place for block in blocks_of(page, ROOT) if block.language not in RUN | SHOWN] == []


CONFIGURATIONS = [block for page in PAGES for block in blocks_of(page, ROOT) if block.language == "toml"]


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=lambda block: block.place)
def test_every_configuration_loads(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("COLLECTOR_", "POLYTOMIC_"))]:
        monkeypatch.delenv(name)
    load(block.text, tmp_path / "config.toml")


def load(text: str, path: Path) -> None:
    """Read a configuration as a run does. Raises `ConfigError`."""
    path.write_text(text)
    path.chmod(0o600)
    app.parse_args(["collect", "--config", str(path)], exit_on_error=False, print_error=False)


def test_a_configuration_with_a_misspelt_name_would_be_seen(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="did you mean rate"):
        load("[limits]\nrat = 1\n", tmp_path / "config.toml")


def test_every_make_command_of_a_block_is_a_step_of_ci() -> None:
    steps = set(re.findall(r"\bmake [a-z-]+", (ROOT / ".ci/run").read_text()))
    named = {line for page in BY_HAND for block in blocks_of(page, ROOT) for line in make_lines(block)}
    assert named <= steps


PAGE = """\
# A page

<!-- exit code: 3 -->
```sh
exit 3
```

- In a list:

    ```python
    import sys
    sys.exit(0)
    ```

```
no language
```
"""


def page_of(text: str, folder: Path) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_blocks_are_found_with_their_places_languages_and_exit_codes(tmp_path: Path) -> None:
    assert blocks_of(page_of(PAGE, tmp_path), tmp_path) == [
        Block("page.md:4", "sh", "exit 3\n", 3),
        Block("page.md:10", "python", "import sys\nsys.exit(0)\n"),
        Block("page.md:15", "", "no language\n"),
    ]


def test_a_block_that_is_not_closed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"page\.md:1: the block is not closed"):
        blocks_of(page_of("```sh\necho\n", tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (Block("p:1", "sh", "false\necho after\n"), 1),
        (Block("p:1", "sh", "false | cat\n"), 1),
        (Block("p:1", "sh", 'echo "$unset_variable"\n'), 1),
        (Block("p:1", "sh", "true\n", 8), 0),
        (Block("p:1", "python", "1 / 0\n"), 1),
        (Block("p:1", "sh", "collector collect --no-such-flag\n"), 2),
    ],
    ids=lambda value: value.text.strip() if isinstance(value, Block) else "",
)
def test_a_block_with_another_exit_code_fails(block: Block, code: int, tmp_path: Path) -> None:
    with Shell(tmp_path, ROOT) as shell, pytest.raises(BlockFailed, match=f"p:1: exit code {code}, not"):
        shell.run(block)


def test_a_sandbox_that_does_not_start_fails(tmp_path: Path) -> None:
    with Shell(tmp_path, ROOT) as shell, pytest.raises(BlockFailed, match="serves nothing"):
        shell.run(Block("p:1", "sh", "collector sandbox --faults nonsense\n"))


def test_blocks_of_a_page_share_folder_exports_and_sandboxes(tmp_path: Path) -> None:
    """The first collects from the runner's sandbox, the later ones from the page's own, whose port the runner chose."""
    with Shell(tmp_path, ROOT) as shell:
        for text in (
            "mkdir -p here; cd here; export ANSWER=42\n",
            'test "$ANSWER" = 42; test "${PWD##*/}" = here; collector collect --all -q -o first.jsonl\n',
            "collector sandbox --connections 7 # in another terminal\n",
            "collector collect --base-url http://127.0.0.1:8710 --all -q -o second.jsonl\n",
            'test "$(wc -l <second.jsonl)" -eq 7\nmake nothing\n',
        ):
            shell.run(Block("p:1", "sh", text))
        shell.run(Block("p:1", "python", 'assert len(open("first.jsonl").readlines()) == 100\n'))
