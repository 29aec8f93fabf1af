"""The vocabulary: ids, records, outcomes, the account, errors and time.

record, outcome, throughput, connection_types    what is collected, and how it went
ids, timestamps, clock, secret, control_chars    text that follows rules, and time
strict_json, json_repair, lazy_pattern           how text is read
ledger                                           the account: every id has exactly one outcome
errors                                           what ends a run, and its exit code

Must not know: any other room, a file but its own lists, a socket, the clock, the event loop.
"""
