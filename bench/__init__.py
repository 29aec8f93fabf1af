"""Measurements: scripts that run `collector` as a user does and print what it took. Nothing is installed of them."""
