"""The sandbox, module by module, over real sockets where there is a socket."""
