"""Readiness: is this host ready for a run?

host_check                                    all checks, in order
network_check, api_check, output_check        checks of the network, the API and the output
checks/                                       pure decisions: facts → ok, warn or fail, with advice
probes/                                       gathers the facts

Must not know: the command line, the run itself.
"""
