"""Load: finished snapshots into the tables of a database, by dlt.

destination, extras  the URL of a database, the extra that has its driver
plan, history, contract  the order of nights, the rows that a load may close, a table that was changed
loaded_table, row_hash, nul  the columns and rows that are loaded
pipeline, dlt_context, connection, postgres_copy, workspace, failures  dlt, its databases, errors and folder, the lock
load, ledger, views, resource  loading each night, the account in the database, its views, the resource for Python

Must not know: HTTP, the run, settings, the command line, where a password comes from.
"""
