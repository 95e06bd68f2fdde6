"""The daemon, its workers, the algorithm and the command line.
Imports hades_protocol and never the screen, which meets it on the wire alone."""
