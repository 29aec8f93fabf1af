"""Schemas of the tables in every format that `collector schema` prints, derived from the logical columns.

singer, airbyte          the streams of the tap
json_types               the JSON Schema of a typed column

Must not know: files, packages of databases, the run, the command line.
"""
