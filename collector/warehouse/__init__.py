"""Warehouse: schemas, files and loads for databases, derived from the table of the record's fields.

columns, fitting, arrow  the typed columns of a table, a value that does not fit its column, record batches
schema/                  schemas, table definitions and load statements of every format
tap/                     the messages and files of Singer and Airbyte
exports/                 a finished snapshot as Parquet, CSV or JSON Lines

Must not know: HTTP, the run, settings, the command line.
"""
