"""Storage: files that survive a crash and that other users cannot modify.

filesystem               the system calls as an interface, and its implementation
durable_files, journal   atomic replacement of files; an append-only file
checkpoint, blocks       the synced length of a journal, and reading it back
compression              none, gzip, zstd
ownership, preflight     owner and mode of files; checks that a later write will be permitted

Must not know: the content of lines, runs, settings, the API.
"""
