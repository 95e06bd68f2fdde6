"""Verbs that start, show and change runs, one module each, and what they share: following, groups, changes of settings.
Nearly all ask the daemon. `hadesd status`, `pause` and `wait` must start fast: no asyncio, structlog or settings here.
Entered by hadesd.cli.main; the other verbs may use follow, groups and start.
"""
