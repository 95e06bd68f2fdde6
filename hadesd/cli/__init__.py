"""`hadesd` on the command line: one module a verb, in the folders that --help shows as sections.
The top of the house: it may import any room, and nothing imports it but the entry points."""
