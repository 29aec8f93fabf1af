"""A data set on disk: its lines, its manifest, its names, and whether they agree.

lines                an outcome ⇄ a line
manifest, document   the account ⇄ a document, read part by part
layout               the names of the files
verify               is the snapshot what its manifest says? Compares, by `claim` and `checked_file`, its records
                     and its `errors_file`
sinks/               how a run writes one

Must not know: HTTP, settings, the command line.
"""
