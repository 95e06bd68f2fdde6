"""`hadesd` on the command line: one module a verb, in the folders that --help shows as sections.
`documents` holds the types of what --json prints. The modules here are what verbs of several sections share.
The top layer: it may import every other, and nothing imports it but the entry points.
"""
