"""Several organizations side by side, each with a run of its own.

organizations_run, member_run                    all organizations; the run of one
selection, organization, organization_settings   which they are, by the configuration or the API's list
file_names, index_file                           names that do not collide; the index, and the mark of an unfinished run

Must not know: how a run collects, or how its progress is displayed.
"""
