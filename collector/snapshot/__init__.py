"""Snapshot: a data set on disk, its lines, its manifest, its file names, and its verification.

lines                    an outcome ⇄ a line
manifest, document       the manifest ⇄ its JSON document, read part by part
layout                   file names
checked_manifest, checked_file, errors_file, verify
                         comparison of a snapshot with its manifest
sinks/                   writing of a snapshot by a run

Must not know: HTTP, settings, the command line.
"""
