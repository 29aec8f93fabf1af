"""Snapshot: a data set on disk, its lines, its manifest, its file names, and its verification.

lines, line_form, layout an outcome ⇄ a line, and its form; file names
manifest, json_document  the manifest ⇄ its JSON document, read value by value
organizations_index, checked_index, run_account  the index of several organizations ⇄ its JSON document
reader, verify, verified, verify_index  a snapshot, read and compared with its manifest
checked_manifest, contents, snapshot_file, errors_file, side_table  the parts of this comparison
sinks/                   writing of a snapshot by a run

Must not know: HTTP, settings, the command line.
"""
