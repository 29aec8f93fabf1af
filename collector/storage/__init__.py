"""Files that survive a crash and that nobody else can change.

filesystem               what is asked of the system; one class that asks it
durable_files, journal   whole files, and a file that only grows
checkpoint, blocks       how much of it is synced, and how it is read again
compression              plain, gzip, zstd
ownership, preflight     whose files these are, and what the system will refuse

Must not know: what a line says, runs, settings, the API.
"""
