"""Snapshot: a data set on disk, its lines, its manifest, its file names, and its verification.

lines                   an outcome ⇄ a line
manifest, document      the manifest ⇄ its JSON document, read part by part
layout                  file names
verify, checked_file    comparison of a snapshot and its manifest; one file under comparison
claim, errors_file      the values that the manifest claims; the file of failed ids
sinks/                  writing of a snapshot by a run

Must not know: HTTP, settings, the command line.
"""
