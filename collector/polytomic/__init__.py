"""Polytomic API: finds, fetches and normalizes connections.

discovery, json_array    the ids in the list of connections
fetch                    one id → one outcome
caller, envelope         the owner of the key; the JSON object that wraps a reply's data
normalize                one reply → one record
live_schemas             the fields that the API currently marks as sensitive

Must not know: files, settings, the command line, aiohttp.
"""
