"""Tests of the sandbox, one file per module. Those of the server use real sockets."""
