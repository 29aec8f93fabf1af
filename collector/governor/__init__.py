"""May a request start now, and what does its end say of the next?

governor, events                                           the decision, and what it was
circuit_breaker, pauses, retry_budget                      what fails, and for how long
concurrency_limit, queueing                                how many at once
adaptive_rate, limit_belief, rate_meter, stated_quota      how many a second the server takes
rate_ceiling, shared_quota, quota_state                    how many the user allows; also rate_limit_headers, report

Must not know: HTTP but for its rate limit fields, the event loop. Clock and chance are arguments.
"""
