"""Remembers which source gave each setting: an option, a variable or a line of the configuration file.

cyclopts calls it as the last source, when every argument holds the values that earlier sources gave.
"""

from __future__ import annotations

from cyclopts import App, Token
from cyclopts.argument import ArgumentCollection


class OriginRecorder:
    """A source that gives no value. `origins` maps section and name of each setting that has one to its origin."""

    def __init__(self) -> None:
        self.origins: dict[tuple[str, str], str] = {}

    def __call__(self, _app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        self.origins = {
            (argument.keys[0], argument.keys[1]): _origin_of(argument.tokens[0])
            for argument in arguments
            if len(argument.keys) == 2 and argument.tokens
        }


def _origin_of(token: Token) -> str:
    if token.source == "cli":
        return f"option {token.keyword}"
    if token.source == "environment":
        return f"variable {token.keyword}"
    return f"{token.source}: {token.keyword}"
