"""The API key: where it is, what it looks like, and the header it travels in.

authorization    the header of a run
key_sources      command, file, standard input, descriptor, keyring
key_wrapping     quotes and the like around a key
key_shape        what looks like a key
header           bearer and basic

Must not know: the wire, settings, the command line.
"""
