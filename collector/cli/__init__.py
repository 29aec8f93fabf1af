"""Command line: parses arguments, runs one command, returns its exit code.

main, early_signals; collect, check, verify, export, load, schema, tap, demo, sandbox    entry point; commands
organizations, plan; tap_files, tap_run, airbyte_source       collect for several organizations, its plan; the tap
config_sources, setting_origins, converter, service_links, text_encoding    sources and origins of settings
argument_guard, process_hardening, interrupts    protection of keys in arguments and memory; signals of other commands
help_page, slips, stderr, stdout, console, check_report, health_table    help, advice on slips, output
progress, organization_progress, progress_display, live_display    reporters of runs; their lines and bars

Must not know: how a command does its work.
"""
