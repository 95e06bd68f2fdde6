"""A daemon's side of the protocol in the test's own process: scripted behind real sockets, or real without any."""
