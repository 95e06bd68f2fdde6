"""Clients that copy every generation into another program's files. Processes of their own."""
