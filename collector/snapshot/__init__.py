"""Snapshot: a data set on disk, its lines, its manifest, its file names, and its verification.

lines                    an outcome ⇄ a line
manifest, document       the manifest ⇄ its JSON document, read part by part
layout                   file names
verify, checked_file     comparison of a snapshot and its manifest; one file under comparison
checked_manifest         a manifest whose parts agree with each other and with the snapshot's name
errors_file              comparison of the errors file and the manifest
sinks/                   writing of a snapshot by a run

Must not know: HTTP, settings, the command line.
"""
