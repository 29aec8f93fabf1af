"""Real engines over the results: slow, and in need of programs that a plain checkout does not have. `make engines`."""
