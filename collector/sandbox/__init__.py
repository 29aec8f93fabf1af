"""Sandbox: a local Polytomic API with made-up connections and fault injection.

server, responses, admin_api, request_log                      HTTP server, writing of replies, log of all requests
api, routes, endpoints, replies, pagination, keys              replies, parsing of paths, page tokens, keys
deployment, organization, members, identity                    organizations, their users, roles and policies
inventory, churn, syncs, activity, id_scheme                   connections, their changes, syncs, usage and ids
catalogue, schema, type_templates, configuration, fake_values  connection types, configurations of connections
faults, fault_items, fault_schedule, fault_injection           the fault language, and the execution of faults

Must not know: the rest of the collector, except the vocabulary in `model`.
"""
