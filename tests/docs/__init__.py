"""The documentation: its blocks run, its configurations load, its sentences keep the rules of prose."""
