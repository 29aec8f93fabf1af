"""Where outcomes go: a file that appears whole or not at all, or a stream.

sink, target                                     the contract, and which sink a path asks for
file_sink, stream_sink                           the two of them
writer                                           lines on their way to a file, in batches
resume, recovery                                 what an unfinished run left
publication, quarantine                          how files take their names, and how they are set aside

Must not know: where outcomes come from.
"""
