"""A daemon on another machine: ssh and its tunnel; and the event stream as lines.

Imports only hades_protocol; only attach imports it.
"""
