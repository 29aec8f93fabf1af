"""Readiness: is this host ready for a run?

host_check, organizations_check                     all checks of a run, and of several organizations, in order
key_check, input_check, network_check               the keys, the ids and the network
server_check, api_check, api_requests               the server, what one key may read, and their requests
output_check, organizations_output_check, report    the output, also of several organizations; the findings
checks/                                             pure decisions: facts → ok, warn or fail, with advice
probes/                                             gathers the facts

Must not know: the command line, the run itself.
"""
