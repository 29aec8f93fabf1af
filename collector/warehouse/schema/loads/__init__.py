"""The statements that load a file of lines into a table, one module for each database.

load, insert             the parts of a load, and the INSERT that all loads share
duckdb, postgres, snowflake, bigquery, redshift, clickhouse, databricks, athena
                         the reading of a file by one database

Must not know: files, packages of databases, the run, the command line.
"""
