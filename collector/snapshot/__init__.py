"""Snapshot: a data set on disk, its lines, its manifest, its file names, and its verification.

lines                    an outcome ⇄ a line
manifest, json_document  the manifest ⇄ its JSON document, read value by value
layout                   file names
checked_manifest, snapshot_file, errors_file, side_table, verify
                         comparison of a snapshot with its manifest
sinks/                   writing of a snapshot by a run

Must not know: HTTP, settings, the command line.
"""
