"""`Secret`, the type of the API key. Must not know keys, headers or files.

`Secret` is deliberately not a `str`: logging, JSON, file writes and `+` reject it, and printing it shows the mask.
`reveal` returns the text, for the few places that need it; a test lists them.

The revealed text is a `str`, because a header must be one. Its `repr` is masked, because aiohttp's exceptions, tasks
and captured locals print headers with `repr`. Its `str` cannot be masked: aiohttp writes a header of a `str` subclass
as `str(value)` (`_http_writer.pyx`), so it would send the mask.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn


class Revealed(str):
    """The text of a secret, for a header or for the scrubber. Its `repr` is the mask."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{REDACTED}'"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


class Secret:
    """Text that is not printed, copied, pickled or hashed. Compared by value, in constant time."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = Revealed(text)

    def reveal(self) -> Revealed:
        """The text."""
        return self.__text

    def digest(self) -> str:
        """SHA-256 hex digest, for matching equal secrets without storing them."""
        return hashlib.sha256(_bytes(self.__text)).hexdigest()

    __hash__ = None  # type: ignore[assignment]  # a hash could help to guess the secret

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self.__text), _bytes(other.__text))

    def __repr__(self) -> str:
        return REDACTED

    def __format__(self, _spec: str) -> str:
        return REDACTED  # padding to a width would reveal the length

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


class Environment(Mapping[str, str]):
    """An environment whose `repr` shows no values: the key may be in it, and tracebacks can print arguments."""

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
    return text.encode(errors="surrogatepass")  # an environment may contain invalid UTF-8


REDACTED: Final = "[REDACTED]"
"""The mask of a secret, without a fingerprint."""
