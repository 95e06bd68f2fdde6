"""Log lines: writing, rotating, limiting, reading them back.
Imports the protocol alone; every process of the house writes through `logs.streams`."""
