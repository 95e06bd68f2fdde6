"""Packages with environments of one's own, installed into a directory apart, as a user's would be; offline."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples/own_environment"


def install(source: Path, target: Path, wheels: Path, version: str | None = None) -> Path:
    """pip installs a package into `target`, over what is there; the directory.

    source: a folder with pyproject.toml and one package. wheels: where its wheel is made: no build tool is needed.
    version: instead of the one in pyproject.toml.
    """
    wheel = make_wheel(source, wheels, version)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--upgrade", "--target", str(target), str(wheel)], check=True, capture_output=True)
    return target


def make_wheel(source: Path, directory: Path, version: str | None = None) -> Path:
    """The wheel of a package of pure Python: its modules, its name and version, its entry points."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    name, number = project["name"].replace("-", "_"), version or project["version"]
    about = f"{name}-{number}.dist-info"
    points = "".join(
        f"[{group}]\n" + "".join(f"{point} = {code}\n" for point, code in entries.items())
        for group, entries in project["entry-points"].items()
    )
    files = {f"{path.relative_to(source)}": path.read_text() for path in sorted(source.glob("*/*.py"))}
    files |= {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {number}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": points,
    }
    files[f"{about}/RECORD"] = "".join(f"{file},,\n" for file in (*files, f"{about}/RECORD"))
    wheel = directory / f"{name}-{number}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return wheel
