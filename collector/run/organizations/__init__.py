"""Several organizations side by side, each with a run of its own.

organizations_run, member_run, run_context, crew            all organizations; the run of one; their common parts
organizations_plan                                          the plan of all
discovery, selection, organization, organization_settings   which they are, by the configuration or the API's list
file_names, index_file                                      names that do not collide; the index, and its mark

Must not know: how a run collects, or how its progress is displayed.
"""
