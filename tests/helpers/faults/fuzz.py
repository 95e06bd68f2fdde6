"""Messages that nobody should send: random, broken, too deep, too large, lying.

None of them is a request that changes anything, so that what a daemon does afterwards is what it would have done
without them. All of them deserve an answer.
"""

import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from hades_protocol import codec, commands

NAMES = (
    "", ".", "..", "../x", "../../etc/passwd", "/etc", "/etc/passwd", "a/b", "a\\b", "x\0y", "\0", ".hidden", "@@",
    "@ ", " @", "-rf", "~", "~root", "$HOME", "%2e%2e%2f", "ｅｔｃ", "\u202egnp", "a" * 300, "run\n", "\x1b[2J", "*",
)  # fmt: skip
"""Names of runs and groups that lead somewhere else, or that a terminal, a shell or a file system takes for orders.

None of them names a run, nor can it be the name of one."""

VERBS = (
    "hello", "snapshot", "show", "history", "dataset", "pause", "resume", "cancel", "priority", "fork", "resize",
    "note", "evaluate",
)  # fmt: skip
WRONG: tuple[Any, ...] = (
    None, True, -1, 2**63, 2**64 - 1, -(2**63), 0.5, float("nan"), float("inf"), "", "x" * 10_000, b"\xff" * 100, [],
    [[]], {}, {"a": {"b": [1, None]}}, msgpack.Timestamp(2**33), msgpack.ExtType(5, b"x" * 20),
)  # fmt: skip


class FuzzSource:
    """An endless stream of such messages, each a list of frames; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kinds: tuple[Callable[[], list[bytes]], ...] = (
            self._noise,
            self._cut,
            self._flipped,
            self._deep,
            self._lying_length,
            self._twice_the_same_key,
            self._wrong_types,
            self._stranger,
            self._many_frames,
            self._hostile_name,
            self._hostile_spec,
            self._of_another_time,
        )

    def __iter__(self) -> Iterator[list[bytes]]:
        while True:
            yield self.message()

    def message(self) -> list[bytes]:
        """The next one."""
        return self._random.choice(self._kinds)()

    def _question(self) -> dict[str, Any]:
        """A request that changes nothing."""
        kind = self._random.choice((commands.Hello, commands.Snapshot, commands.Show, commands.History))
        fields = {"run": self._random.choice(NAMES)} if issubclass(kind, commands.RunRequest) else {}
        values: dict[str, Any] = msgpack.unpackb(codec.encode(kind(request_id="fuzz", **fields)))
        del values["expires_at"]  # one that has expired gets no answer
        return values

    def _noise(self) -> list[bytes]:
        return [self._random.randbytes(self._random.choice((0, 1, 7, 100, 5000, 60_000)))]

    def _cut(self) -> list[bytes]:
        whole = msgpack.packb(self._question())
        return [whole[: self._random.randrange(len(whole))]]

    def _flipped(self) -> list[bytes]:
        data = bytearray(msgpack.packb(self._question()))
        for _ in range(self._random.randint(1, 6)):
            data[self._random.randrange(len(data))] ^= self._random.randint(1, 255)
        return [bytes(data)]

    def _deep(self) -> list[bytes]:
        depth = self._random.choice((10, 300, 600, 5000, 100_000))
        opening = self._random.choice((b"\x91", b"\x81\xa1a", b"\xdc\x00\x01"))
        inner = opening * depth + self._random.choice((b"", b"\xc0"))
        return [self._random.choice((inner, b"\x82\xa4verb\xa5start\xa4spec" + inner))]

    def _lying_length(self) -> list[bytes]:
        kind = self._random.choice((0xC6, 0xC9, 0xDB, 0xDD, 0xDF))  # bin, ext, str, array and map of 32-bit length
        return [bytes([kind]) + struct.pack(">I", self._random.choice((2**32 - 1, 2**31, 10**6))) + b"\x00" * 40]

    def _twice_the_same_key(self) -> list[bytes]:
        body = b"".join(msgpack.packb(part) for part in ("verb", "hello", "verb", "snapshot", "request_id", "a"))
        return [b"\x84" + body + msgpack.packb("request_id") + msgpack.packb(self._random.choice(WRONG))]

    def _wrong_types(self) -> list[bytes]:
        request = self._question()
        for _ in range(self._random.randint(1, 3)):
            request[self._random.choice(list(request))] = self._random.choice(WRONG)
        return [msgpack.packb(request)]

    def _stranger(self) -> list[bytes]:
        value = self._random.choice(WRONG)
        return [msgpack.packb(self._random.choice((value, [value] * 50, {f"k{i}": value for i in range(20)})))]

    def _many_frames(self) -> list[bytes]:
        return [self._random.randbytes(self._random.choice((0, 1, 50)))] * self._random.choice((2, 3, 50, 500))

    def _hostile_name(self) -> list[bytes]:
        request = {"verb": self._random.choice(VERBS[2:]), "request_id": "f", "run": self._random.choice(NAMES)}
        return [msgpack.packb(request | {"priority": 1, "changes": {}, "text": ""})]

    def _hostile_spec(self) -> list[bytes]:
        spec = {
            "env": "CartPole-v1",
            self._random.choice(("seed", "evolution", "env", "../x", "policy")): self._value(),
        }
        if self._random.random() < 0.5:
            spec = {"env": self._random.choice(NAMES)}
        # The group refuses what the settings might let pass.
        group = self._random.choice(NAMES[1:])
        return [msgpack.packb({"verb": "start", "request_id": "f", "spec": spec, "group": group})]

    def _value(self) -> Any:
        return self._random.choice((*WRONG, {"population": self._random.choice(WRONG)}, {"parameters": {"x": []}}))

    def _of_another_time(self) -> list[bytes]:
        change = {"protocol_major": 99} if self._random.random() < 0.5 else {"session": "not-yours"}
        verb = self._random.choice(("stop", "pause", "cancel", "remove"))
        return [msgpack.packb({"verb": verb, "request_id": "f", "run": "@", **change})]
