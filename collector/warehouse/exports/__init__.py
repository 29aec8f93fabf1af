"""Exports: the records or a side table of a finished snapshot as one file for a loader.

export                      read, verify, write beside the target, and publish
file_writers                the writer of each format
csv_text, parquet_file      rows as CSV and as Parquet
id_column                   the ids of such a file

Must not know: HTTP, the run, settings, the command line.
"""
