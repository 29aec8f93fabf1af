"""argv → one command → exit code.

main, early_signals                                     the console script
collect, verify, demo, sandbox                          one module a command
config_sources, service_links, text_encoding            settings from the environment and from a file
argument_guard, process_hardening                       keys on the command line and in memory
console, stderr, stdout                                 what is shown

Must not know: how anything is done.
"""
