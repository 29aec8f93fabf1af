"""Probes: gather the facts about this host that the checks judge, each within a time limit.

network            names, connections, TLS
api                requests, by the transport and the rate ceiling of a run
folder             the output's folder, its lock and its space
daemon_thread      blocking calls that cannot keep the process alive

Must not know: levels, advice, the command line.
"""
