"""A canary: a fake key in place of the real one, and the search for it afterwards.

The search is independent of the program's masking. It removes the escapes of JSON, `repr` and URLs, ignores case, and
looks for the key verbatim and in base64, with any text before and after it.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

KEY = "canary/Key+0451=nobody~has.It"
"""Its characters are chosen so that every encoding of it differs."""

PASSWORD = "canary+of=The~Proxy_0451"  # of a proxy
ORGANIZATION = "11111111-1111-4111-8111-111111111111"

PLACES = ("TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")


def burrow(folder: Path) -> dict[str, str]:
    """An environment in which programs put all their files below the folder."""
    made = {name: str(folder / name.lower()) for name in PLACES}
    for path in made.values():
        Path(path).mkdir(mode=0o700)
    return made


def forms_of(secret: str) -> dict[str, str]:
    """The encodings of a secret when it is sent, shown or logged."""
    backslashed = json.dumps(secret)[1:-1].replace("/", "\\/")
    return {
        "as it is": secret,
        "lowered": secret.lower(),
        "base64": _base64(secret),
        "base64 of a user": _base64(f"{secret}:"),
        "base64 of a password": _base64(f":{secret}"),
        "base64 with its organization": _base64(f"{ORGANIZATION}:{secret}"),
        "base64 after one byte": _base64(f"x{secret}"),
        "base64 after two bytes": _base64(f"xx{secret}yy"),
        "base64 for URLs": _base64(f"?{secret}?").replace("+", "-").replace("/", "_"),
        "lowered base64": _base64(secret).lower(),
        "quoted for a URL": quote(secret, safe=""),
        "all quoted for a URL": "".join(f"%{ord(each):02x}" for each in secret),
        "escaped as JSON": backslashed,
        "all escaped as JSON": "".join(f"\\u{ord(each):04X}" for each in secret),
        "escaped as JSON in JSON": json.dumps(backslashed),
        "all escaped by repr": "".join(f"\\x{ord(each):02x}" for each in secret),
        "its repr": repr(secret.encode()),
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass
class Search:
    """Searches for secrets. `seen` are the searched places, `hits` the places with the secret found there."""

    secrets: tuple[str, ...] = (KEY, PASSWORD)
    seen: set[str] = field(default_factory=set)
    hits: list[tuple[str, str]] = field(default_factory=list)

    def look(self, place: str, content: bytes) -> None:
        """Search some bytes."""
        self.seen.add(place)
        shown = {content, unquote_to_bytes(content)} if b"%" in content else {content}
        if b"\\" in content:
            shown |= {_unescaped(each) for each in shown}
        for each in map(bytes.lower, shown):
            self.hits += [(place, secret) for secret in self.secrets if _is_in(secret, each)]

    def look_below(self, folder: Path, *, but: Iterable[Path] = ()) -> None:
        """Search every file below the folder, including core files, and its name."""
        for path in sorted(folder.rglob("*")):
            self.look(f"the name {path.name!r}", os.fsencode(path.name))
            if path.is_file() and path not in but:
                self.look(path.name, path.read_bytes())

    def look_at_processes(self, first: int, *, ours: int) -> None:
        """Search the arguments of a process and its descendants, and all their environments except that of `ours`.

        A forked process that has not executed a program yet still has the memory of `ours`.
        """
        for pid in _family(first):
            with suppress(OSError):  # the process has ended
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
                self.look(f"the arguments of {pid}", arguments)
                if pid != ours and arguments != Path(f"/proc/{ours}/cmdline").read_bytes():
                    self.look(f"the environment of {pid}", Path(f"/proc/{pid}/environ").read_bytes())


def assert_nowhere(secret: str, folder: Path, *said: str) -> None:
    """Assert that neither the texts nor a file below the folder, nor its name, contains the secret in any form."""
    search = Search((secret,))
    for text in said:
        search.look("what was said", text.encode())
    search.look_below(folder)
    assert search.hits == []


def _is_in(secret: str, lowered: bytes) -> bool:
    return any(each in lowered for each in _cores(secret))


def _cores(secret: str) -> Iterator[bytes]:
    """Each form of a secret, unescaped and in lower case, without characters that depend on the surrounding text."""
    yield secret.lower().encode()
    for before in range(3):
        # The characters at the edges also depend on the text beside the secret.
        whole = _base64("x" * before + secret)
        core = whole[4 if before else 0 : (before + len(secret)) // 3 * 4].lower()
        yield core.encode()
        yield core.replace("+", "-").replace("/", "_").encode()


def _unescaped(content: bytes) -> bytes:
    numbers = rb"\\+(?:u00|x)([0-9a-fA-F]{2})"
    return re.sub(rb"\\+(?=[^ux\\])", b"", re.sub(numbers, lambda found: bytes([int(found[1], 16)]), content))


def _family(first: int) -> Iterator[int]:
    yield first
    with suppress(OSError):
        for thread in Path(f"/proc/{first}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))
