"""The state machine of one run: events in, the next state and its effects out.
Pure: no clock, no files, no processes. The engine carries the effects out."""
