"""Observers: the interface through which a run reports to its caller.

reporter                  the interface: warnings, notes, progress
organizations_reporter    that of several organizations
decisions                 text for each decision of the governor
drift_warnings            text for the drift of a run

Must not know: how a report is displayed.
"""
