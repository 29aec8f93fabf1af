"""Text that must not be seen: the type the API key is held in. It knows nothing of keys, headers or files.

A `Secret` is no `str`: what takes text (a log, JSON, a file, `+`) refuses it, and what prints values prints the mask.
`reveal` gives the text, for the few places where it has to go; a test names them.

What it gives is a `str` all the same, since a header has to be one, and it masks its `repr` only. That is by what
aiohttp's exceptions, tasks and captured locals print the headers they hold. A `str` that masked its `str` too would not
travel: aiohttp writes a header that is of a subclass by `str(value)` (`_http_writer.pyx`), so the mask would be sent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn


class Revealed(str):
    """The text of a secret, for a header or for who looks for it in other texts; its `repr` hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{REDACTED}'"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


class Secret:
    """Text that shows nowhere and is not copied, pickled or hashed; compared by value, in constant time."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = Revealed(text)

    def reveal(self) -> Revealed:
        """The text itself."""
        return self.__text

    def digest(self) -> str:
        """What stands for it where equal secrets have to meet and nobody may read one (SHA-256, hexadecimal)."""
        return hashlib.sha256(_bytes(self.__text)).hexdigest()

    __hash__ = None  # type: ignore[assignment]  # nothing needs one, and it could be guessed from

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self.__text), _bytes(other.__text))

    def __repr__(self) -> str:
        return REDACTED

    def __format__(self, _spec: str) -> str:
        return REDACTED  # padded by a width it would be the same, but for a reader who counts

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


class Environment(Mapping[str, str]):
    """An environment whose `repr` tells names only: the key may be in it, and tracebacks can show what they passed."""

    __slots__ = ("__variables",)

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.__variables = variables

    def __getitem__(self, name: str) -> str:
        return self.__variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__variables)

    def __len__(self) -> int:
        return len(self.__variables)

    def __repr__(self) -> str:
        return f"<Environment of {len(self)} variables>"


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # an environment may hold what is no UTF-8


REDACTED: Final = "[REDACTED]"
"""What stands in the place of a secret, without a fingerprint."""
