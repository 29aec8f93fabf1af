"""The other side of the wire: a made-up Polytomic that can misbehave.

server, api, responses, control               the API, its bytes, and what may be asked about it
inventory, organization, configuration        what it holds; made of catalogue, schema, id_scheme, fake_values
faults, fault_injection                       what goes wrong, on request
request_log                                   what a client really sent

Must not know: the collector, but for the vocabulary in `model`.
"""
