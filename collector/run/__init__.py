"""One run, from settings and ids to published files.

run, assembly, pipeline, second_pass, shutdown, watchdog     the run, its parts, and how it ends
settings, identity, guards                                   what was asked for, who asks, what ends it early
id_input, tables, csv_quoting                                where ids come from
output, output_template, leftovers, resume_hint              where it writes, and what earlier runs left
stream, observers/                                           the library's way in; what a run reports to

Must not know: the command line, the sandbox, a terminal.
"""
