"""What is put in the place of a secret, and what already stands in its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

Put: TypeAlias = Callable[[str], str]
"""A secret → what is put in its place."""

PLACEHOLDER: Final = re.compile(r"\{\{.*\}\}|\$\{.*\}|\$\d+|:\w+|%\(?\w*\)?s|\?|<[\w -]+>|\.{3}|…")
"""What a template has where a secret will be."""

MASKED: Final = re.compile(r"\[REDACTED(?::[0-9a-f]+)?\]")
"""What was put in the place of a secret before."""
