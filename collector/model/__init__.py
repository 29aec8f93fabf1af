"""Vocabulary of all rooms: ids, records, outcomes, the ledger, errors and time.

record, record_form, side_tables, connection_types            the schemas of records, rows and configurations
outcome, ledger, throughput, record_fields, shape             results of a run; the fields of its records
ids, id_notation, timestamps, clock, secret, control_chars    values with rules of their own
strict_json, json_repair, json_array, lazy_pattern            parsing of text
errors                                                        errors that end a run, with their exit codes

Must not know: other rooms, files except its own data, sockets, the clock, the event loop.
"""
