"""Governor: decides when the next request may start, based on the replies so far.

governor, events                                          decisions, and the values that report them
circuit_breaker, pauses, retry_budget                     outages, pauses and retries
concurrency_limit, queueing                               requests in flight
adaptive_rate, limit_belief, rate_meter, stated_quota     the rate that the server accepts
rate_ceiling, common_ceiling, shared_quota, quota_state   the rate that the user allows
rate_limit_headers, report                                parsing of rate limit fields; figures for the manifest

Must not know: HTTP, except rate limit fields; the event loop. Clock and random generator are arguments.
"""
