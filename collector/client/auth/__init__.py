"""API key: where it is read from, its form, and the header that carries it.

authorization    the header of a run
key_sources      command, file, standard input, file descriptor, keyring
key_wrapping     quotes and similar text around a key
key_shape        detection of text that looks like a key
header           Bearer and Basic headers

Must not know: the wire, settings, the command line.
"""
