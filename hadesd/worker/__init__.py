"""The process that computes one run: its loop, its checkpoints, its channel to the supervisor.
Started with `python -m hadesd.worker DIRECTORY`; nothing else imports it but for its checkpoints."""
