"""Log lines: writing, rotating, limiting, reading them back.
Imports the protocol alone; every process of hades writes through `logs.streams`."""
