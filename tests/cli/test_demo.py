"""`collector demo`: the main job, without a key and without a network."""

from __future__ import annotations

import json
from pathlib import Path

from collector.sandbox.inventory import Inventory
from tests.conftest import Calling
from tests.support.output_oracle import Given, check_finished


async def test_the_demo_collects_all_in_an_empty_folder_without_a_key_and_says_what_is_next(
    call: Calling, tmp_path: Path
) -> None:
    done = await call("demo", env={"POLYTOMIC_API_KEY": "", "HTTP_PROXY": "http://127.0.0.1:9"})
    assert done.code == 0, done.err
    assert len([json.loads(line) for line in done.out.decode().splitlines()]) == 3
    result = check_finished(tmp_path / "demo/connections.jsonl", Given(list(Inventory(1000, seed=7).ids())), 0)
    assert f"as the sandbox counted them: {result.manifest['requests']['sent']}" in done.err
    assert "next:" in done.err
    assert "\x1b" not in done.err


async def test_a_demo_that_may_not_write_is_6(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    for arguments in (["demo"], ["demo", "--folder", "demo/in/it"]):
        done = await call(*arguments)
        assert done.code == 6, done.err
        assert "Traceback" not in done.err
