"""Polytomic API: finds, fetches and normalizes connections, and reads side tables.

discovery, json_array, filters, cross_check   the list of connections: read, filtered, compared with fetched ones
fetch, listed_records                         one id, or one item of the list → one outcome
record_reader, normalize, typed_fields        one payload → one record
enrichment, page_cursor, table_progress       the pages, or the replies per connection, of one side table
rows                                          one item → one row of a side table
caller, organizations, envelope, live_schemas the owner of the key, its organizations; a reply's data; sensitive fields

Must not know: files, settings, the command line, aiohttp.
"""
