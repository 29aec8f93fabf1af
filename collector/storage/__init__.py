"""Storage: files that survive a crash and that other users cannot modify.

filesystem, overlay      the system calls as an interface, its implementation, and one that keeps changes in memory
durable_files, staged_file, journal    atomic replacement of files; a new version of a file; an append-only file
checkpoint, blocks       the synced length of a journal, and reading it back
compression              none, gzip, zstd
ownership, preflight     owner and mode of files; checks that a later write will be permitted

Must not know: the content of lines, runs, settings, the API.
"""
