"""Documents about what is set up around the daemon: keys, its systemd unit, hooks."""

import msgspec

from hades_protocol.run_spec import OwnEnvironment
from hadesd.daemon.key_store import AllowedClient
from hadesd.integrations.hooks.events import HookInput
from hadesd.integrations.hooks.process import HookResult
from hadesd.service.install import FileState, UnitStatus


class KeysDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Public keys of the daemon and of those who may attach."""

    server_key: str | None  # the daemon's public key, 64 hexadecimal digits; null where it has none
    clients: tuple[AllowedClient, ...]  # who may attach


class ServiceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon as a systemd unit."""

    unit: str  # path of the unit file
    file: FileState  # outdated: another one would be written today; edited: by hand
    name: str  # the unit's name for systemctl
    systemd: bool  # whether systemd can be asked
    unreachable: str  # why not; empty where it can
    service: UnitStatus | None  # what systemd says; null where it was not asked or there is no unit
    linger: bool | None  # whether a user's services go on without a login; null for a system unit


class HooksDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The hooks that config.toml sets."""

    config: str  # path of config.toml
    hooks: dict[str, tuple[str, ...]]  # event (or any) -> command and its arguments
    timeout: float  # seconds that a hook may take
    at_once: int  # hooks that may run at the same time


class HookTestDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Hooks that were tried."""

    id: str  # the run that they got
    input: HookInput  # what they read from their standard input
    results: tuple[HookResult, ...]  # of each hook


class ListedEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that --env takes."""

    name: str  # what --env takes
    family: str  # brax, classic, minatar, misc, images; own: of an installed package
    observation: tuple[int, ...] | None  # shape of an observation; null of one's own, which is not imported for this
    discrete: bool | None  # whether actions are numbered, not vectors; null as above
    actions: int | None  # how many actions, or entries of one; null as above
    code: str  # package.module:name of one's own; else empty
    package: str  # name and version of the package that offers it; empty for those of hades


class RandomEpisode(msgspec.Struct, frozen=True, kw_only=True):
    """What an episode of random actions came to."""

    returned: float | None  # sum of its rewards; null where that is no number
    steps: int  # how long it was
    ended: bool  # whether it ended by itself within its time limit
    finite: bool  # whether all rewards and observations were finite


class EnvironmentsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The environments, or one of them."""

    environments: tuple[ListedEnvironment, ...]  # all that there are, or the one that was named
    own_environment: OwnEnvironment | None  # what one's own says of itself; null of others, and in the list
    episode: RandomEpisode | None  # of one's own; null of others, and in the list
