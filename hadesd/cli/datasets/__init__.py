"""Verbs about state-action pairs: export, import, evaluation, merging, references and reports.
They read run directories and files, compute in their own process (hadesd.cli.compute), and need no daemon.
Entered by hadesd.cli.main; the daemon starts export and evaluate as children (hadesd.cli.job).
"""
