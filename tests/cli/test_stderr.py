"""All output on stderr passes one stream, which masks secrets."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cli.stderr import StandardError
from tests.conftest import clean_environment
from tests.support.canary import KEY, Search, forms_of

FULL = Path("/dev/full")


def stream(*secrets: str) -> tuple[StandardError, io.StringIO]:
    """The stream, and the stream below it."""
    below = io.StringIO()
    made = StandardError(below)
    made.add_secrets(secrets)
    return made, below


@pytest.mark.parametrize("text", forms_of(KEY).values(), ids=forms_of(KEY).keys())
def test_every_form_of_a_secret_is_masked(text: str) -> None:
    error, out = stream(KEY)
    error.write(f"before {text} after\n")
    search = Search((KEY,))
    search.look("the stream", out.getvalue().encode())
    assert search.hits == []
    assert out.getvalue().startswith("before ")
    assert out.getvalue().endswith(" after\n")


@given(st.lists(st.integers(1, len(KEY) + 20)))
def test_a_secret_in_pieces_is_masked(cuts: list[int]) -> None:
    error, out = stream(KEY)
    text = f"before {KEY} after\n"
    places = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    for start, end in pairwise(places):
        error.write(text[start:end])
    assert out.getvalue() == "before [REDACTED] after\n"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="@\\%", exclude_categories=["C"]))))
def test_text_without_a_secret_is_unchanged(pieces: list[str]) -> None:
    error, out = stream(KEY)
    for piece in pieces:
        assert error.write(piece) == len(piece)
    error.flush()
    assert out.getvalue().replace("\\u2028", "\u2028").replace("\\u2029", "\u2029") == "".join(pieces).replace(
        "\\u2028", "\u2028"
    ).replace("\\u2029", "\u2029")


def test_a_line_is_held_until_it_is_whole_or_flushed() -> None:
    error, out = stream()
    error.write("one\ntw")
    assert out.getvalue() == "one\n"
    error.write("o")
    assert out.getvalue() == "one\n"
    error.flush()
    assert out.getvalue() == "one\ntwo"


def test_a_secret_added_late_is_masked_in_the_buffered_line() -> None:
    error, out = stream()
    error.write(f"the key is {KEY}")
    error.add_secrets([KEY])
    error.write("\n")
    assert out.getvalue() == "the key is [REDACTED]\n"


def test_an_endless_line_is_written_in_parts_and_a_secret_at_a_cut_is_masked() -> None:
    error, out = stream(KEY)
    for _ in range(20_000):
        error.write(KEY[:10])
        error.write(KEY[10:] + ".")
    assert len(out.getvalue()) > 100_000
    error.flush()
    assert out.getvalue() == "[REDACTED]." * 20_000


def test_control_characters_are_escaped_except_in_drawings() -> None:
    error, out = stream(KEY)
    for_terminal = error.for_terminal()
    error.write("\x1b[31mred\r\n")
    for_terminal.write(f"\x1b[2K{KEY}\r\n")
    assert out.getvalue() == "\\x1b[31mred\\x0d\n\x1b[2K[REDACTED]\r\n"


def test_a_drawing_is_scrubbed_of_secrets_that_are_added_later() -> None:
    error, out = stream()
    for_terminal = error.for_terminal()
    error.add_secrets([KEY])
    for_terminal.write(f"{KEY}\n")
    assert out.getvalue() == "[REDACTED]\n"


def test_concurrent_threads_write_whole_lines() -> None:
    error, out = stream(KEY)

    def write(number: int) -> None:
        for _ in range(200):
            error.write(f"{number} {KEY}\n")

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(out.getvalue().splitlines()) == sorted(
        f"{number} [REDACTED]" for number in range(4) for _ in range(200)
    )


def test_it_has_the_properties_of_the_stream_below(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="latin-1", errors="backslashreplace") as below:
        error = StandardError(below)
        assert (error.fileno(), error.isatty(), error.encoding, error.errors) == (
            (below.fileno(), False, "latin-1", "backslashreplace")
        )
        assert error.writable()
        assert not error.readable()
        error.write("\N{EURO SIGN}\n")
        error.close()
        assert not below.closed
    assert (tmp_path / "log").read_bytes() == b"\\u20ac\n"
    main, other = os.openpty()
    with open(main, "w") as terminal:
        assert StandardError(terminal).isatty()
    os.close(other)


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_it_fails_as_the_stream_below_fails_and_does_not_try_again() -> None:
    with open(os.open(FULL, os.O_WRONLY), "w", buffering=1, closefd=False) as below:
        error = StandardError(below)
        with pytest.raises(OSError, match="space"):
            error.write("lost\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), below.fileno())
        error.flush()


def test_garbage_collection_is_silent_after_the_stream_below_is_closed() -> None:
    """Python reports exceptions of destructors; from 3.13 on, those of streams too."""
    below = io.StringIO()
    error = StandardError(below)
    error.write("held")
    below.close()
    del error
    gc.collect()


def said(script: str, folder: Path, *options: str, closing: str = "") -> str:
    """The stderr of a process that installs the stream and runs a script."""
    begin = "import os; from collector.cli import stderr; stderr.install(os.environ)\n"
    command = [sys.executable, *options, "-c", begin + script]
    done = subprocess.run(
        ["bash", "-c", f'exec "$@" {closing}', "bash", *command],
        env={**clean_environment(folder), "POLYTOMIC_API_KEY": KEY, "PYTHONWARNINGS": "default"},
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )
    return done.stderr


WAYS: dict[str, tuple[str, str]] = {
    "an exception": ("raise KeyError(os.environ['POLYTOMIC_API_KEY'])", "KeyError: '[REDACTED]'\n"),
    "a group": (
        "raise ExceptionGroup('g', [ValueError(os.environ['POLYTOMIC_API_KEY'])])",
        "    | ValueError: [REDACTED]\n    +------------------------------------\n",
    ),
    "a warning": (  # at a place without source code, which Python would print after it
        "import warnings; warnings.warn_explicit(os.environ['POLYTOMIC_API_KEY'], UserWarning, 'nowhere', 1)",
        "nowhere:1: UserWarning: [REDACTED]\n",
    ),
    "a thread": (
        "import threading; threading.Thread(target=lambda: {}[os.environ['POLYTOMIC_API_KEY']]).start()",
        "KeyError: '[REDACTED]'\n",
    ),
    "a log": ("import logging; logging.error(os.environ['POLYTOMIC_API_KEY'])", "ERROR:root:[REDACTED]\n"),
    "what goes past": (
        "import sys; print(os.environ['POLYTOMIC_API_KEY'], file=sys.__stderr__)",
        "[REDACTED]\n",
    ),
    "a line without an end": ("import sys; sys.stderr.write(os.environ['POLYTOMIC_API_KEY'])", "[REDACTED]"),
    "a way out": ("import sys; sys.exit(os.environ['POLYTOMIC_API_KEY'])", "[REDACTED]\n"),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_output_of_python_passes_it(tmp_path: Path, way: str) -> None:
    script, end = WAYS[way]
    assert said(script, tmp_path).endswith(end)


def test_a_closed_stderr_is_not_replaced(tmp_path: Path) -> None:
    assert said("import sys; assert sys.stderr is None; stderr.learn(['x'])", tmp_path, closing="2>&-") == ""


def test_a_fatal_signal_names_places_and_no_values(tmp_path: Path) -> None:
    text = said("key = os.environ['POLYTOMIC_API_KEY']\nos.abort()", tmp_path, "-X", "faulthandler")
    assert "Fatal Python error: Aborted" in text
    assert KEY not in text
