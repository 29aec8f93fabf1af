"""Several organizations side by side, each with a run of its own.

organizations_run, organizations_plan                       a run of all organizations, and its plan
preparation, run_context, member_run, concurrent_map        what both begin with; the run of one organization
discovery, selection, organization, organization_settings   which they are, by the configuration or the API's list
file_names, index_file                                      names that do not collide; the index, and its mark

Must not know: how a run collects, or how its progress is displayed.
"""
