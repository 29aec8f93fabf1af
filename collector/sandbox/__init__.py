"""Sandbox: a local Polytomic API with made-up connections and fault injection.

server, api, responses, admin_api         the server, the API's replies, their bytes, the endpoints for its log
inventory, organization, configuration    the connections and their owner
catalogue, schema, id_scheme              connection types, their JSON Schemas, ids computed from indexes
faults, fault_injection, fake_values      the fault language, its execution; values for configurations
request_log                               all requests that a client really sent

Must not know: the rest of the collector, except the vocabulary in `model`.
"""
