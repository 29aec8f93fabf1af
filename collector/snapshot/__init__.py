"""Snapshot: a data set on disk, its lines, its manifest, its file names, and its verification.

lines, line_form, layout an outcome ⇄ a line, and its form; file names
manifest, json_document  the manifest ⇄ its JSON document, read value by value
organizations_index, checked_index, run_account  the index of several organizations ⇄ its JSON document
checked_manifest, snapshot_file, errors_file, side_table, verify, verify_index
                         comparison of a snapshot with its manifest
sinks/                   writing of a snapshot by a run

Must not know: HTTP, settings, the command line.
"""
