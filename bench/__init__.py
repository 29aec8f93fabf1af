"""Benchmarks: scripts that run `collector` as a user does and print the measurements. Not part of the package."""
