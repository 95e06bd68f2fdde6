"""Attaching to a daemon on another machine: ssh, tunnel, event tail."""
