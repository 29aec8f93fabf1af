"""Warehouse: schemas, files and loads for databases, derived from the table of the record's fields.

columns, fitting         the typed columns of a table, and a value that does not fit its column

Must not know: HTTP, the run, settings, the command line.
"""
