"""Command line: parses arguments, runs one command, returns its exit code.

main, early_signals                              entry point of the console script
collect, plan, verify, demo, sandbox             the commands, one per module; the plan of collect
config_sources, service_links, text_encoding     settings from the environment and the config file
argument_guard, process_hardening                protection of keys in arguments and in memory
help_page, slips                                 help pages, and advice on common slips
console, health_table, stderr, stdout            output

Must not know: how a command does its work.
"""
