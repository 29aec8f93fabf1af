"""What the API offers: connections found, fetched and normalized.

discovery, json_array    the ids that the list names
fetch                    one id → one outcome
envelope                 the JSON around an answer
normalize                one answer → one record
live_schemas             which fields the API marks as sensitive today

Must not know: files, settings, the command line, aiohttp.
"""
