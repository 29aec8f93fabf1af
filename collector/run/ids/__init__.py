"""Ids: the input of a run, from arguments, files and standard input.

id_input                                   every line accounted for: unique, duplicate, invalid or blank
id_files, id_formats                       files and their formats, told from names and first bytes
id_text, id_cells, json_ids, parquet_ids   readers of each format
tables, table_header, id_column            readers of delimited tables, and the column that holds the ids
csv_quoting                                quoted fields of tables

Must not know: requests, outcomes, the output.
"""
