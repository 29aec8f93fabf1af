"""One run: from settings and ids to published files.

run, assembly, pipeline, second_pass, side_tables, record_order, reorder_window,
shutdown, watchdog                                          the run, its parts, and how it ends
settings, setting_rules, identity, guards, ids/, listing    settings; input of ids, and the list of connections
output, output_template, leftovers, resume_hint, plan       output files, those of earlier runs; a run in advance
organizations/, readiness/                                   several organizations; is this host ready for a run?
stream, observers/, drift_check                             the Python API; reports to the caller; changed fields

Must not know: the command line, the sandbox, terminals.
"""
