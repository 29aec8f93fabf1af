"""Checks: what a fact about this host means for a run, as OK, WARN or FAIL with what to do next. Pure.

finding                            one result, and the exit code of several
configuration, key, ids, quota     the settings and their origins, the key, the ids, the shared quota
addresses, certificates            names, connections, TLS
replies, caller, folder            the API's replies, the caller, the output's folder
organizations                      several organizations, and the keys of each

Must not know: how a fact was found, the command line, sockets, files.
"""
