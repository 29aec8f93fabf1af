"""Sinks: write outcomes to a file that is published atomically, or to a stream.

sink, target               the interface, and the choice of a sink for a path
file_sink, stream_sink     its two implementations
writer, table_files, conversion, part_files  lines in batches; side tables; other formats; numbered parts
framing, table_stream      lines as messages of another protocol; side tables in a stream
resume, recovery, prospect    unfinished runs: whether and how to resume them, and what a run would do with them
publication, partition, quarantine    the final renames; finished partitions; unfinished files that are kept

Must not know: the origin of outcomes.
"""
