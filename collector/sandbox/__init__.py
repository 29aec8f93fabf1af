"""Sandbox: a local Polytomic API with made-up connections and fault injection.

server, api, responses, admin_api    HTTP server, replies of the API, writing of replies, access to the request log
inventory, organization              connections, and the organization that owns them
configuration, fake_values           configurations of connections, and their values
catalogue, schema, id_scheme         connection types, their JSON Schemas, ids computed from indexes
faults, fault_injection              the fault language, and the execution of faults
request_log                          all requests that the server received

Must not know: the rest of the collector, except the vocabulary in `model`.
"""
