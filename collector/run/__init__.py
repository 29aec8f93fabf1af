"""One run: from settings and ids to published files.

run, assembly, pipeline, second_pass, shutdown, watchdog    the run, its parts, and how it ends
settings, identity, guards                                  settings, the run id, outcomes that end a run
ids/, listing                                               input of ids; the list of connections
output, output_template, leftovers, resume_hint, plan       output files, those of earlier runs; a run in advance
readiness/                                                  is this host ready for a run?
stream, observers/                                          the Python API; reports to the caller

Must not know: the command line, the sandbox, terminals.
"""
