"""Variables that a platform sets for neighbouring services, which may start with `COLLECTOR_` by chance. Pure.

Kubernetes sets them for every Service of a namespace unless a pod sets `enableServiceLinks: false`. Docker sets the
same for a container link, plus `…_NAME` and `…_ENV_…`. A Service named `collector` makes `COLLECTOR_PORT`. Sources:
Kubernetes documentation, "Service", environment variables; Docker documentation, "Legacy container links".
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
    """Does this variable of `environ` have the name and the value of a service link?"""
    if any(of_name.fullmatch(name) and of_value.fullmatch(environ[name]) for of_name, of_value in _FORMS):
        return True
    container = _OF_A_LINKED_CONTAINER.fullmatch(name)
    linked = f"{container[1]}_NAME" if container else name
    return linked != name and linked in environ and is_service_link(linked, environ)
