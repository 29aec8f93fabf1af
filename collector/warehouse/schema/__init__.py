"""Schemas of the tables in every format that `collector schema` prints, derived from the logical columns.

formats                  the text of any format
dialects, ddl, sql       types by database, a table's definition, and the script with its load
loads/                   the load of a file into a table, by database
json_schema, arrow_schema, markdown
                         the lines of a file, Arrow's fields, and a page
singer, airbyte, json_types  the streams of the tap

Must not know: files, packages of databases, the run, the command line.
"""
