"""The tap: a run's lines as the messages of Singer or Airbyte, and the files that these protocols pass to a tap. Pure.

singer_messages, airbyte_messages   the framing of a run for each protocol
streams, stream_lines               the streams of a run; one line as the JSON of a message
catalog, state, config              what --discover prints; what --catalog, --state and --config contain

Must not know: files, the run, settings, the command line.
"""
