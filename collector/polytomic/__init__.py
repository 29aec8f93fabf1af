"""Polytomic API: finds, fetches and normalizes connections.

discovery, json_array                    the connections in the list of the API
filters, cross_check                     selection by listed payloads; the list compared with fetched connections
fetch, listed_records                    one id, or one item of the list → one outcome
record_reader, normalize, typed_fields   one payload → one record
envelope, live_schemas                   the object around a reply's data; the fields that the API marks as sensitive

Must not know: files, settings, the command line, aiohttp.
"""
