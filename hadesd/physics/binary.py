"""Which values of an environment are 0 or 1 whatever happens: the entries of an observation of a game on a grid are.

Assumed of every number that could be, and taken back until it holds: a number of the state stays so as long as a reset
begins with 0 or 1 and a step makes 0 or 1 of it.
"""

from collections.abc import Callable, Mapping

from hadesd.physics.graph import BOOL, Graph, Node, Operand, is_constant
from hadesd.physics.scalarise import Scalarised, flat

_OF_THEIR_KIND = frozenset({"mul", "max", "min", "and", "or", "convert", "bitcast", "result"})
"""Operations that make 0 or 1 of operands that are 0 or 1 (a bit pattern: of integers)."""


def observes_bits(reset: Scalarised, step: Scalarised) -> bool:
    """Whether every entry of every observation is seen to be 0 or 1, from the operations alone.

    reset: (key) -> (state, observation); step: (key, state, action) -> (state, observation, reward, done).
    """
    begun = _bits(reset.graph, {})
    before, after, first = (flat(a) for a in (step.inputs[1:-1], step.outputs[:-3], reset.outputs[:-1]))
    states = zip(before, after, first, strict=True)
    going = _bits(step.graph, {node.index: [value] for node, value, start in states if begun(start)})
    return all(map(begun, flat(reset.outputs[-1:]))) and all(map(going, flat(step.outputs[-3:-2])))


def _bits(graph: Graph, inputs: Mapping[int, list[Operand]]) -> Callable[[Operand], bool]:
    """Whether an operand is 0 or 1. inputs: index of an input -> what it becomes, of those that begin so."""
    hangs_on = dict(inputs)
    for block in graph.blocks:
        hangs_on |= {carry.index: [initial, following] for carry, initial, following in block.carried}
        hangs_on |= {node.index: operands for node in block.nodes if (operands := _operands(node))}

    def bit(value: Operand) -> bool:
        if is_constant(value):
            return bool(value == 0 or value == 1)
        return value.kind == BOOL or value.index in hangs_on

    while struck := [index for index in hangs_on if not all(map(bit, hangs_on[index]))]:
        for index in struck:
            del hangs_on[index]
    return bit


def _operands(node: Node) -> list[Operand]:
    """What has to be 0 or 1 for a node to be so; none where it may be anything."""
    if node.op == "select":
        return list(node.arguments[1:])
    if node.op == "bitcast" and "f" in (node.kind, *[a.kind for a in node.arguments if isinstance(a, Node)]):
        return []
    return list(node.arguments) if node.op in _OF_THEIR_KIND else []
