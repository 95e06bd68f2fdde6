"""Nothing is unpickled or evaluated: not by our sources, and not on the way of a message through the daemon."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path.relative_to(ROOT) for folder in ("hadesd", "protocol", "tui") for path in (ROOT / folder).rglob("*.py")
)
UNPICKLERS = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "jsonpickle",
    "yaml",
}
EVALUATORS = {"eval", "exec", "compile"}
PICKLING_METHODS = {"recv_pyobj", "send_pyobj", "recv_serialized", "read_pickle", "to_pickle"}


def faults(tree: ast.AST) -> Iterator[str]:
    """What must not be in a source file, each with its line."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (f"{node.lineno}: imports {name}" for name in names if name.partition(".")[0] in UNPICKLERS)
        if isinstance(node, ast.Call):
            yield from (f"{node.lineno}: {fault}" for fault in call_faults(node))


def call_faults(call: ast.Call) -> Iterator[str]:
    function = call.func
    if isinstance(function, ast.Name) and function.id in EVALUATORS | {"__import__"}:
        yield f"calls {function.id}"
    if isinstance(function, ast.Attribute):
        if function.attr in PICKLING_METHODS:
            yield f"calls .{function.attr}"
        if ast.unparse(function) in ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"):
            yield f"calls {ast.unparse(function)}"
    for keyword in call.keywords:
        is_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg in ("allow_pickle", "shell") and not is_false:
            yield f"{keyword.arg} is not False"
    is_numpy_load = isinstance(function, ast.Attribute) and ast.unparse(function) in ("np.load", "numpy.load")
    if is_numpy_load and not any(keyword.arg == "allow_pickle" for keyword in call.keywords):
        yield "numpy.load without allow_pickle=False"


def test_no_source_unpickles_or_evaluates() -> None:
    assert len(SOURCES) > 300
    found = [f"{path}:{fault}" for path in SOURCES for fault in faults(ast.parse((ROOT / path).read_text()))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from dill import loads",
        "import yaml.loader",
        "def f():\n    import marshal",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "numpy.load(file, allow_pickle=flag)",
        "subprocess.run('x', shell=True)",
        "eval('1')",
        "socket.recv_pyobj()",
        "os.system('x')",
    ],
)
def test_the_search_finds_what_it_looks_for(text: str) -> None:
    assert len(list(faults(ast.parse(text)))) == 1


FORBID = """
def refuse(*arguments, **options):
    raise SystemExit("something was unpickled")
for module in (pickle, _pickle):
    module.load = module.loads = module.Unpickler = refuse
"""


def test_a_message_that_hides_a_pickle_is_data() -> None:
    """The whole way of a request in a process in which nothing can be unpickled, and with a pickle in every field."""
    program = f"""
import _pickle, pickle
{FORBID}
import msgpack
from hades_protocol import codec, commands, events
from hades_protocol import replies
from hades_protocol.errors import ProtocolMismatchError
hostile = {pickle_that_would_exit()!r}
for raw in (hostile, msgpack.packb(hostile), msgpack.packb(msgpack.ExtType(1, hostile)),
            msgpack.packb({{"verb": "start", "request_id": "1", "spec": {{"env": hostile}}}}),
            msgpack.packb({{"request_id": "1", "result": hostile}})):
    for read in (lambda: codec.decode(raw, commands.AnyRequest), lambda: codec.decode(raw, replies.Reply),
                 lambda: events.decode_event(raw)):
        try:
            read()
        except ProtocolMismatchError:
            pass
print("read")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd="/")
    assert (done.stdout, done.returncode) == ("read\n", 0), done.stderr


def pickle_that_would_exit() -> bytes:
    """Whoever unpickles it ends with status 41."""
    return b"cposix\n_exit\n(I41\ntR."


def test_the_pickle_would_have_been_noticed() -> None:
    program = f"import pickle\npickle.loads({pickle_that_would_exit()!r})"
    assert subprocess.run([sys.executable, "-c", program], cwd="/").returncode == 41


def test_of_all_that_the_daemon_loads_only_pyzmq_knows_pickle() -> None:
    """Its send_pyobj and recv_pyobj; that nobody of us calls them is seen above."""
    program = (
        "import sys, types, hadesd.daemon.serve, hadesd.cli.main\n"
        "loads = lambda m: any(isinstance(v, types.ModuleType) and v.__name__ in ('pickle', '_pickle', 'dill')"
        " for v in list(vars(m).values()))\n"
        "print(*sorted(n for n, m in list(sys.modules.items()) if isinstance(m, types.ModuleType) and loads(m)"
        " and n.partition('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd="/", check=True)
    assert done.stdout.split() == ["zmq.sugar.socket"]
