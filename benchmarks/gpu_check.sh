#!/usr/bin/env bash
# Everything that a GPU must show, in one call of under nine minutes, as one JSON on stdout (docs/gpu.md says what of):
#   benchmarks/gpu_check.sh [--seconds 480] [--output FILE] [--only start,generations]
#   benchmarks/gpu_check.sh --platform cpu --small      # the same parts, tiny, on a CPU: to see that they run
#
# The machine needs python3 (3.11 or newer) with jax for CUDA (pip install 'jax[cuda13]', driver 580 or newer) and no
# network. Of our other packages it may lack any: their wheels travel along in benchmarks/wheels, which git ignores. They
# are put there, on a machine with a network, by
#   benchmarks/gpu_check.sh --pack [3.12 [NAME…]]       # for that Python; NAMEs: what the GPU's machine has already
# (the versions of requirements.lock; NEEDED below, without jax itself; some 150 MB, most of it mujoco, scipy, numpy and
# tensorstore). Only what is missing is installed, into a directory of its own, over the machine's packages.
# PYTHON=… names another interpreter, WHEELS=… another folder.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
wheels=${WHEELS:-$root/benchmarks/wheels}
# What a worker, the daemon and the commands import (scipy, numpy … come with jax).
NEEDED="absl-py brax cloudpickle etils evosax farama-notifications flax fsspec glfw gymnasium gymnax humanize jaxopt
    llvmlite markdown-it-py matplotlib mdurl ml-collections ml-dtypes msgpack msgspec mujoco mujoco-core mujoco-mjx
    mujoco-studio numpy nvidia-ml-py opt-einsum optax orbax-checkpoint packaging pillow protobuf psutil pygments
    pyyaml pyzmq rich scipy simplejson six structlog tensorstore treescope trimesh typing-extensions uvloop aiofiles
    contourpy cycler fonttools kiwisolver pyparsing python-dateutil jinja2 markupsafe seaborn pandas"

# The distributions among the arguments that this interpreter does not have.
lacking() {
    "$python" - "$@" <<'EOF'
import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        print(name)
EOF
}

pack() {
    local version=${1:-3.12} platforms=() wanted=() name pin
    shift || true
    for tag in manylinux_2_39 manylinux_2_35 manylinux_2_34 manylinux_2_31 manylinux_2_28 manylinux_2_27 manylinux_2_26 \
        manylinux_2_24 manylinux_2_17 manylinux2014 manylinux_2_12 manylinux2010 manylinux1; do
        platforms+=(--platform "${tag}_x86_64")
    done
    for name in $NEEDED; do
        [[ " $* " == *" $name "* ]] && continue
        pin=$(grep -i "^$name==" "$root/requirements.lock" | cut -d ';' -f 1 || true)
        if [ -n "$pin" ]; then wanted+=("$pin"); fi
    done
    mkdir -p "$wheels"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --implementation cp \
        --python-version "$version" "${platforms[@]}" -d "$wheels" "${wanted[@]}"
    du -sh "$wheels" >&2
}

if [ "${1:-}" = --pack ]; then
    shift
    pack "$@"
    exit
fi

# The machine's packages stay as they are: what is missing goes into an environment that sees them.
place=$(mktemp -d /tmp/hades-gpu-XXXXXX)
trap 'rm -rf "$place"' EXIT
"$python" -m venv --without-pip "$place/venv"
site=$("$place/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -c 'import site, sys, sysconfig
paths = [sysconfig.get_path("purelib"), *site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
print(*dict.fromkeys(paths), sep="\n")' >"$site/machine.pth"
missing=()
for wheel in "$wheels"/*.whl; do
    [ -e "$wheel" ] || continue
    name=$(basename "$wheel")
    [ -z "$(lacking "${name%%-*}")" ] || missing+=("$wheel")
done
if [ ${#missing[@]} -gt 0 ]; then
    "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-compile --no-warn-script-location \
        --target "$site" "${missing[@]}" >&2
fi
# This tree as an installed package: what an editable installation does, without a network.
printf '%s\n' "$root" "$root/protocol" "$root/tui" >"$site/hades.pth"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/pyproject.toml")
mkdir -p "$site/hades_distil-$version.dist-info"
printf 'Metadata-Version: 2.1\nName: hades-distil\nVersion: %s\n' "$version" >"$site/hades_distil-$version.dist-info/METADATA"

cd "$root"
"$place/venv/bin/python" -m benchmarks.gpu_check "$@"
