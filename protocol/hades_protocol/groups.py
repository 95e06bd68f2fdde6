"""Names of groups: runs that belong together, those of one sweep say."""

import re

from hades_protocol.errors import UsageError

GROUP_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def check_group(name: str) -> str:
    """The name as it is.

    Raises:
        UsageError: it is no word of a to z, 0 to 9 and dashes, begins with a dash, or has more than 63 letters.
    """
    if not GROUP_PATTERN.fullmatch(name):
        raise UsageError(
            f"'{name[:80]}' cannot name a group: use up to 63 of a-z, 0-9 and dashes, the first no dash, "
            "e.g. cartpole-pairs"
        )
    return name
