"""Vocabulary of all rooms: ids, records, outcomes, the ledger, errors and time.

record, outcome, throughput, connection_types                 results of a run
ids, id_notation, timestamps, clock, secret, control_chars    values with rules of their own
strict_json, json_repair, json_array, lazy_pattern            parsing of text
ledger                                                        the count of outcomes: exactly one per id
errors                                                        errors that end a run, with their exit codes

Must not know: other rooms, files except its own data, sockets, the clock, the event loop.
"""
