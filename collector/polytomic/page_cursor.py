"""The position in a paged list: the page to request next, and whether the server ever ends the list. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

PAGE_SIZE: Final = 50
"""Rows requested per page: the maximum of the API."""

_SHRINK_BY: Final = 5
_MAX_TOKEN_LENGTH: Final = 4096
_MAX_STALE_PAGES: Final = 10
"""Pages in sequence without a new row, after which a list counts as endless."""


class PageCursor:
    """The position in the list of an endpoint. `page` is the number of the page to request."""

    def __init__(self, endpoint: str, *, is_paged: bool) -> None:
        self.page = 1
        self._endpoint = endpoint
        self._limit = PAGE_SIZE if is_paged else 0
        self._token = ""
        self._tokens: set[str] = set()
        self._stale_pages = 0

    @property
    def target(self) -> str:
        """The path and query of the page to request."""
        query = [f"limit={self._limit}"] if self._limit else []
        if self._token:
            query.append(f"page_token={quote(self._token, safe='')}")  # untrusted
        return f"{self._endpoint}?{'&'.join(query)}" if query else self._endpoint

    def shrink(self) -> bool:
        """Request fewer rows per page from now on. Returns False if a page cannot be smaller."""
        if self._limit < _SHRINK_BY:
            return False
        self._limit //= _SHRINK_BY
        return True

    def advance(self, token: str, *, has_new_rows: bool) -> str:
        """Move to the page of `token`. Returns the reason why the list must not be read further, or an empty text."""
        self._stale_pages = 0 if has_new_rows else self._stale_pages + 1
        if token in self._tokens:
            return f"page {self.page} repeats the token of an earlier page"
        if len(token) > _MAX_TOKEN_LENGTH:
            return f"page {self.page} has a token of more than {_MAX_TOKEN_LENGTH} characters"
        if self._stale_pages >= _MAX_STALE_PAGES:
            return f"pages {self.page - _MAX_STALE_PAGES + 1} to {self.page} have no new rows"
        self._tokens.add(token)
        self._token = token
        self.page += 1
        return ""
