"""Variables that a platform sets for the services beside a process, whatever prefix they happen to have. Pure.

Kubernetes sets them for every Service of a namespace unless a pod says `enableServiceLinks: false`; Docker sets the
same for a container link, and `…_NAME` and `…_ENV_…` besides. A Service named `collector` makes `COLLECTOR_PORT`.
Sources: Kubernetes documentation, "Service", environment variables; Docker documentation, "Legacy container links".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_ADDRESS: Final = r"[0-9A-Za-z.:\[\]_-]+"
_URL: Final = rf"(?:tcp|udp|sctp)://{_ADDRESS}"
_FORMS: Final = tuple(
    (re.compile(name), re.compile(value))
    for name, value in (
        (r"\w+_SERVICE_HOST", _ADDRESS),
        (r"\w+_SERVICE_PORT(?:_\w+)?", r"\d+"),
        (r"\w+_PORT(?:_\d+_(?:TCP|UDP|SCTP))?", _URL),
        (r"\w+_PORT_\d+_(?:TCP|UDP|SCTP)_PROTO", r"tcp|udp|sctp"),
        (r"\w+_PORT_\d+_(?:TCP|UDP|SCTP)_PORT", r"\d+"),
        (r"\w+_PORT_\d+_(?:TCP|UDP|SCTP)_ADDR", _ADDRESS),
        (r"\w+_NAME", r"/[\w.-]+/[\w.-]+"),
    )
)
_OF_A_LINKED_CONTAINER: Final = re.compile(r"(\w+?)_ENV_\w+")


def is_service_link(name: str, environ: Mapping[str, str]) -> bool:
    """Has this variable of `environ` the name and the value that a service link has?"""
    if any(of_name.fullmatch(name) and of_value.fullmatch(environ[name]) for of_name, of_value in _FORMS):
        return True
    container = _OF_A_LINKED_CONTAINER.fullmatch(name)
    linked = f"{container[1]}_NAME" if container else name
    return linked != name and linked in environ and is_service_link(linked, environ)
