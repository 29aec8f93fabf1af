"""Variables of a platform that start with `COLLECTOR_` by chance."""

from __future__ import annotations

import pytest

from collector.cli.service_links import is_service_link


def links(service: str, port: int = 4317, address: str = "10.0.48.109", protocol: str = "tcp") -> dict[str, str]:
    """The variables that Kubernetes sets for a Service."""
    prefix = service.upper().replace("-", "_")
    one = f"{prefix}_PORT_{port}_{protocol.upper()}"
    host = f"[{address}]" if ":" in address else address
    return {
        f"{prefix}_SERVICE_HOST": address,
        f"{prefix}_SERVICE_PORT": str(port),
        f"{prefix}_SERVICE_PORT_OTLP_GRPC": str(port),
        f"{prefix}_PORT": f"{protocol}://{host}:{port}",
        one: f"{protocol}://{host}:{port}",
        f"{one}_PROTO": protocol,
        f"{one}_PORT": str(port),
        f"{one}_ADDR": address,
    }


@pytest.mark.parametrize(
    "environ",
    [
        links("collector"),
        links("collector-output"),
        links("collector-api"),
        links("collector-rate", 80, "fd00:10::1"),
        links("collector-port"),
        links("collector", 53, protocol="udp"),
        links("collector", 3868, protocol="sctp"),
        {
            **links("collector"),
            "COLLECTOR_NAME": "/web/collector",
            "COLLECTOR_ENV_PATH": "/bin",
            "COLLECTOR_ENV_a": "",
        },
    ],
)
def test_every_variable_of_a_service_is_a_link(environ: dict[str, str]) -> None:
    assert [name for name in environ if not is_service_link(name, environ)] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COLLECTOR_PORT", "8710"),
        ("COLLECTOR_PORT", "http://10.0.0.1:80"),
        ("COLLECTOR_SERVICE_PORT", "soon"),
        ("COLLECTOR_SERVICE_HOST", ""),
        ("COLLECTOR_RATE_LIMIT", "10"),
        ("COLLECTOR_BASE_URl", "https://api.example"),
        ("COLLECTOR_OUTPUT_PATH", "a/b"),
        ("COLLECTOR_NAME", "nightly"),
        ("COLLECTOR_ENV_RATE", "10"),
        ("COLLECTOR_PORT_80_TCP_PROTO", "80"),
        ("COLLECTOR_PORT_HTTP_TCP", "tcp://10.0.0.1:80"),
    ],
)
def test_another_variable_is_not_a_service_link(name: str, value: str) -> None:
    assert not is_service_link(name, {name: value})
