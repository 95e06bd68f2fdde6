"""systemd units of the daemon: their text, and their installation for a user.
Only the command line enters."""
