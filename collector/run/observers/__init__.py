"""What a run reports to.

reporter    the contract: warnings, notes, progress

Must not know: how it is shown.
"""
