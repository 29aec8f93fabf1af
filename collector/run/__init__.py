"""One run: from settings and ids to published files.

run, assembly, pipeline, second_pass, shutdown, watchdog    the run, its parts, and how it ends
settings, identity, guards                                  settings, the run id, outcomes that end a run
id_input, tables, csv_quoting                               input of ids
output, output_template, leftovers, resume_hint             output files, and the files of earlier runs
host_check, network_check, api_check, output_check, checks/, probes/    is this host ready for a run?
stream, observers/                                          the Python API; reports to the caller

Must not know: the command line, the sandbox, terminals.
"""
