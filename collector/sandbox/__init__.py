"""A local Polytomic API with a made-up organization behind it, and faults on request.

    async with serve(Inventory(1_000, seed=7), faults=Faults.parse("500=0.05")) as sandbox:
        ...  # sandbox.url, sandbox.key, sandbox.log

What it answers follows the API reference; what it holds is invented, the same for the same seed, and never stored.
Secrets a real server may leave unmasked are here too, fake, and all contain `CANARY`. What it counts is the truth
about what a client sent: `sandbox.log.summary()`, or `GET /_sandbox/requests`.
"""

from collector.sandbox.api import SANDBOX_KEY
from collector.sandbox.faults import FORMS, Decision, FaultError, Faults, Kind
from collector.sandbox.inventory import Inventory
from collector.sandbox.plausible import CANARY
from collector.sandbox.requestlog import RequestLog, Summary
from collector.sandbox.server import FAULTS_HEADER, Sandbox, serve

__all__ = [
    "CANARY",
    "FAULTS_HEADER",
    "FORMS",
    "SANDBOX_KEY",
    "Decision",
    "FaultError",
    "Faults",
    "Inventory",
    "Kind",
    "RequestLog",
    "Sandbox",
    "Summary",
    "serve",
]
