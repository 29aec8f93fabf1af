"""The network part of `collector check`: the name, its addresses, and TLS. Sends no request and no key.

With a proxy, this process resolves and connects to the proxy only, and the proxy opens a tunnel to the API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from collector.client import address
from collector.client.transport import tls
from collector.client.transport.aiohttp_transport import proxy_of
from collector.model.errors import ConfigError
from collector.run.readiness.checks import addresses, certificates
from collector.run.readiness.checks.finding import Finding, failure_from, skipped
from collector.run.readiness.probes import network
from collector.run.settings import Settings

_AFTER_DNS = (addresses.CONNECTION, certificates.TLS)


async def check_network(settings: Settings, report: Callable[[Finding], bool]) -> bool:
    """Can requests be sent? `report` receives each finding, and returns False for a failure."""
    api, within = settings.api, settings.retry.connect_timeout
    hop = addresses.hop_of(api.base_url, api.proxy)
    found = await _resolve(hop, within)
    require_loopback = api.base_url.startswith("http:") and not (api.allow_http or api.proxy)
    is_resolved = report(
        found if isinstance(found, Finding) else addresses.check_names(hop, found, require_loopback=require_loopback)
    )
    if isinstance(found, Finding) or not is_resolved:
        for check in _AFTER_DNS:
            report(skipped(check, "the name does not resolve to a usable address"))
        return False
    contacts = await network.connect_to_each(hop, found, within)
    if not report(addresses.check_contacts(hop, contacts)):
        report(skipped(certificates.TLS, "there is no connection"))
        return False
    return report(await _check_tls(settings, hop, [each.address for each in contacts if not each.error]))


async def _resolve(hop: addresses.Hop, within: float) -> list[str] | Finding:
    try:
        return await network.resolve(hop, within)
    except TimeoutError:
        return addresses.unresolved(hop, f"the name servers did not reply within {within:g} s")
    except OSError as error:
        return addresses.unresolved(hop, error.strerror or str(error))
    except UnicodeError:
        return addresses.unresolved(hop, "it is not a valid name")


async def _check_tls(settings: Settings, hop: addresses.Hop, live: Sequence[str]) -> Finding:
    settings_of_api, within = settings.api, settings.retry.connect_timeout
    api = addresses.api_of(settings_of_api.base_url)
    if not api.is_encrypted:
        return certificates.no_tls(is_loopback=address.is_loopback(api.host))
    try:
        context = tls.context_of(settings_of_api.ca_file)
    except ConfigError as error:
        return failure_from(certificates.TLS, error, "name a PEM file in [api] ca_file")
    if hop.is_proxy:
        _, headers = proxy_of(settings_of_api.proxy)
        handshakes = [await network.shake_hands_through(hop, headers, api, context, within)]
    else:
        handshakes = await network.shake_hands_with_each(hop, live, context, within)
    return certificates.check_handshakes(api, handshakes, time.time())
