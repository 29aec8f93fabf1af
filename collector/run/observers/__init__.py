"""What a run reports to.

reporter     the contract: warnings, notes, progress
decisions    what the governor decided, in words

Must not know: how it is shown.
"""
