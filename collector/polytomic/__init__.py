"""Polytomic API: finds, fetches and normalizes connections.

discovery, json_array      the connections in the list of the API
filters, cross_check       selection by listed payloads; the list compared with fetched connections
fetch, listed_records      one id, or one item of the list → one outcome
record_reader, normalize   one payload → one record
caller, envelope           the owner of the key; the JSON object that wraps a reply's data
live_schemas               the fields that the API currently marks as sensitive

Must not know: files, settings, the command line, aiohttp.
"""
