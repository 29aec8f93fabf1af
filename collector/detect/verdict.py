"""What to do with a value, as far as its place tells."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What the place of a value says of it."""

    WHOLE = "a secret, whatever it is"
    STRICT = "a secret, unless it is a truth value or a word that goes with one"
    ADDRESS = "text that may hold a secret"
    PLAIN = "known to be no secret; its form is looked at all the same"
    UNKNOWN = "nobody knows: its form decides, also whether it looks drawn by lot"
    KEPT = "the user's word for it that it is no secret"
