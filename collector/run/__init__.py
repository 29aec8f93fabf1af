"""One run: from settings and ids to published files.

run, assembly, pipeline, second_pass, shutdown, watchdog    the run, its parts, and how it ends
settings, identity, guards                                  settings, the run id, outcomes that end a run
id_input, id_files, id_formats, id_text, id_cells, json_ids, parquet_ids,
id_column, tables, table_header, csv_quoting                input of ids: accounting, formats and their readers
listing                                                     the list of connections
output, output_template, leftovers, resume_hint             output files, and the files of earlier runs
plan                                                        a run in advance: its requests, time and files
host_check, network_check, api_check, output_check, checks/, probes/    is this host ready for a run?
stream, observers/                                          the Python API; reports to the caller

Must not know: the command line, the sandbox, terminals.
"""
