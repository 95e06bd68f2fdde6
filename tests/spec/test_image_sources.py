"""A run of images whose files are not there is refused when it is started, not in the queue."""

from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.errors import HadesError, NotFoundError, UsageError
from hades_protocol.run_spec import RunSpec, spec_to_dict
from hadesd.spec.image_sources import FILES, check_files
from tests.helpers.processes.daemon import Home
from tests.helpers.runs.specs import tiny


def images(env: str, directory: object = "") -> RunSpec:
    return tiny(env=env, dataset={"pairs": 10}, images={"directory": str(directory)})


def test_the_files_have_to_be_there(tmp_path: Path) -> None:
    check_files(tiny())
    check_files(images("digits"))
    for env in ("mnist", "fashion-mnist"):
        with pytest.raises(UsageError, match=r"images\.directory=DIR"):
            check_files(images(env))
        with pytest.raises(NotFoundError, match=f"{tmp_path} lacks train-images-idx3-ubyte, .* of {env}"):
            check_files(images(env, tmp_path))
        with pytest.raises(UsageError, match="whole path"):
            check_files(images(env, "data"))
    for files in FILES.values():
        for name in files:
            (tmp_path / f"{name}.gz").touch()
    check_files(images("mnist", tmp_path))


def test_a_start_without_them_is_refused_at_once(home: Home) -> None:
    home.fake_daemon()
    with pytest.raises(HadesError, match="mnist is read from its four IDX files"):
        home.ask(commands.Start, spec=spec_to_dict(images("mnist")))
    assert home.ask(commands.Snapshot).runs == ()
