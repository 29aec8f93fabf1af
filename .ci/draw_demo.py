"""Draw docs/demo.svg: the end of a real `collector demo` on a terminal of 80 columns.

python .ci/draw_demo.py [PATH]    run the demo and write the picture

The demo runs in a temporary folder, so the screen shows no path of this machine. pyte emulates the terminal: the
progress bar moves the cursor and erases itself. The picture has a background of its own, which suits light and dark
pages, and loads no fonts or scripts.
"""

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from fcntl import ioctl
from html import escape
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyte

ROOT: Final = Path(__file__).parent.parent
PICTURE: Final = ROOT / "docs" / "demo.svg"
COLUMNS: Final = 80
LINES: Final = 100  # more than a run prints
PROMPT: Final = "$ collector demo"

CELL_WIDTH: Final = 8.4
LINE_HEIGHT: Final = 19
MARGIN: Final = 20
TITLE_BAR: Final = 34

FOREGROUND: Final = "#e6edf3"
COLOURS: Final = {"green": "#7ee787", "red": "#ff9b94", "brown": "#e3b341", "cyan": "#76e3ea", "blue": "#79c0ff"}

STYLE: Final = f"""\
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: {FOREGROUND}; }}
.bold {{ font-weight: 700; }}"""


def main(arguments: list[str]) -> int:
    path = Path(arguments[0]) if arguments else PICTURE
    if not path.parent.is_dir():
        raise SystemExit(f"{path.parent}: not a folder; name a file in an existing folder")
    path.write_text(drawn(screen_after(captured_demo())), encoding="utf-8")
    return 0


def captured_demo() -> bytes:
    """All bytes that a demo sends to its terminal, after the line on which a user types it."""
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    with TemporaryDirectory() as folder:
        environ = {"HOME": folder, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
        command = [sys.executable, "-m", "collector", "demo"]
        with subprocess.Popen(command, cwd=folder, env=environ, stdout=follower, stderr=follower) as process:
            os.close(follower)
            sent = b"".join(iter(lambda: received(leader), b""))
    os.close(leader)
    if process.returncode:
        raise SystemExit(f"collector demo ended with {process.returncode}:\n{sent.decode(errors='replace')}")
    return f"{PROMPT}\r\n".encode() + sent


def received(leader: int) -> bytes:
    """The next bytes from the terminal; empty at the end, which Linux reports as EIO."""
    try:
        return os.read(leader, 65536)
    except OSError:
        return b""


def screen_after(sent: bytes) -> pyte.Screen:
    """The screen of a terminal that received these bytes."""
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.ByteStream(screen).feed(sent)
    return screen


def drawn(screen: pyte.Screen) -> str:
    """The lines of the screen up to the last one that is not blank, as SVG."""
    texts = [line.rstrip() for line in screen.display]
    shown = max((number for number, text in enumerate(texts, start=1) if text), default=0)
    width = round(COLUMNS * CELL_WIDTH + 2 * MARGIN)
    height = TITLE_BAR + shown * LINE_HEIGHT + MARGIN
    lines = (element for number in range(shown) for element in line_elements(screen, number))
    dots = (f'<circle cx="{MARGIN + 20 * n}" cy="18" r="6" fill="#484f58"/>' for n in range(3))
    description = escape("\n".join(texts[:shown]))
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title description">',
        '<title id="title">collector demo in a terminal</title>',
        f'<desc id="description">{description}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="9" fill="#0d1117" stroke="#484f58"/>',
        *dots,
        *lines,
        "</svg>\n",
    ))  # fmt: skip


def line_elements(screen: pyte.Screen, number: int) -> Iterator[str]:
    """One element per phrase of one style; two or more spaces separate phrases."""
    cells = [screen.buffer[number][column] for column in range(COLUMNS)]
    column = 0
    for (colour, is_bold), run in groupby(cells, lambda cell: (cell.fg, cell.bold)):
        text = "".join(cell.data for cell in run)
        for phrase in re.finditer(r"\S+(?: \S+)*", text):
            yield text_element(phrase[0], column + phrase.start(), number, colour, is_bold=is_bold)
        column += len(text)


def text_element(text: str, column: int, line: int, colour: str, *, is_bold: bool) -> str:
    """`textLength` keeps columns aligned in any monospaced font."""
    x, y = round(MARGIN + column * CELL_WIDTH, 1), TITLE_BAR + (line + 1) * LINE_HEIGHT - 5
    fill = f' style="fill: {COLOURS[colour]}"' if colour in COLOURS else ""
    bold = ' class="bold"' if is_bold else ""
    return f'<text x="{x}" y="{y}" textLength="{round(len(text) * CELL_WIDTH, 1)}"{fill}{bold}>{escape(text)}</text>'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
