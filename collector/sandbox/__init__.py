"""Sandbox: a local Polytomic API with made-up connections and fault injection.

server, responses, admin_api, request_log          HTTP server, writing of replies, log of all requests, access to it
api, routes, endpoints, replies, pagination, keys  replies of the API; parsing of paths, page tokens and keys
deployment, inventory, organization, members, identity  organizations, their connections, users, roles and policies
syncs, activity                                    syncs and models; usage and schema status of a connection
catalogue, schema, configuration, fake_values, id_scheme  connection types, configurations of connections, ids
faults, fault_items, fault_schedule, fault_injection        the fault language, and the execution of faults

Must not know: the rest of the collector, except the vocabulary in `model`.
"""
