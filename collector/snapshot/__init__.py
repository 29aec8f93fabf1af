"""Snapshot: a data set on disk, its lines, its manifest, its file names, and its verification.

lines, line_form, line_types, layout, file_format, parts  an outcome ⇄ a line, its form and types; names of files
manifest, json_document, organizations_index, checked_index, run_account  manifest and index ⇄ their JSON documents
shape_json, drift, drift_json, baseline  fields that changed since the previous manifest
reader, verify, converted, verified, verify_index  a snapshot, read and compared with its manifest
checked_manifest, contents, snapshot_file, errors_file, side_table  the parts of this comparison
sinks/                   writing of a snapshot by a run

Must not know: HTTP, settings, the command line.
"""
