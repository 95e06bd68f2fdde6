"""`import hadesd`: what is offered, that asking costs nothing, and that nothing in it ends a program."""

import ast
import importlib
from pathlib import Path

import pytest

import hadesd
from hades_protocol.errors import UsageError
from hadesd.api.names import HOMES
from tests.architecture.test_imports import COMPUTING, ROOT, loaded

LIBRARY = ROOT / "hadesd/api"


def test_every_name_is_there_once() -> None:
    assert sorted(hadesd.__all__) == sorted(HOMES)
    assert all(hasattr(hadesd, name) for name in hadesd.__all__)
    assert set(hadesd.__all__) <= set(dir(hadesd))
    packages = {path.stem for path in Path(hadesd.__file__).parent.iterdir()}
    assert not packages & set(hadesd.__all__), "a function would hide a module"
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        hadesd.lode  # noqa: B018
    assert Path(hadesd.__file__).with_name("py.typed").exists()


def test_what_a_type_checker_reads_is_what_there_is() -> None:
    tree = ast.parse(Path(hadesd.__file__).with_suffix(".pyi").read_text())
    typed = {
        alias.asname: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {name: (home, name) for name, home in HOMES.items()}
    offered = next(node.value for node in tree.body if isinstance(node, ast.Assign))
    assert set(ast.literal_eval(offered)) == set(HOMES)


@pytest.mark.process
def test_names_are_imported_when_they_are_asked_for() -> None:
    heavy = COMPUTING | {"zmq", "msgspec", "msgpack", "textual", "asyncio", "structlog"}
    assert not loaded("import hadesd\ndir(hadesd)") & heavy
    functions = ", ".join(name for name in hadesd.__all__ if name not in ("Policies", "Policy"))
    modules = loaded(f"from hadesd import {functions}")
    assert not modules & (COMPUTING - {"numpy"} | {"textual", "structlog"})


def test_every_error_is_of_one_family() -> None:
    offered = [getattr(hadesd, name) for name in hadesd.__all__ if name.endswith("Error")]
    assert len(offered) == 9
    assert all(issubclass(error, hadesd.HadesError) and error.__doc__ for error in offered)
    assert hadesd.UsageError is UsageError


def test_nothing_in_the_library_ends_a_program_or_prints() -> None:
    named = {
        (path.name, name)
        for path in LIBRARY.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (name := getattr(node, "id", getattr(node, "attr", "")))
        in ("print", "exit", "_exit", "SystemExit", "stdout", "stderr")
    }
    assert named == {("launch.py", "stderr")}, "where a daemon that is started writes"


def test_the_modules_say_what_they_raise() -> None:
    raising = {"load", "train", "evaluate", "distil", "connect", "connect_async", "settings"}
    for name in raising:
        function = getattr(hadesd, name)
        assert "Raises:" in function.__doc__, name
        assert importlib.import_module(function.__module__).__doc__
