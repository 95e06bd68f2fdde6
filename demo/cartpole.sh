#!/usr/bin/env bash
# Distil CartPole-v1 into two state-action pairs with HaDES-R, then show that policies that were never seen
# before learn to balance the pole from those two pairs alone. Everything lies in .hades-demo and can be deleted.
set -euo pipefail
cd "$(dirname "$0")/.."
export HADES_HOME="$PWD/.hades-demo"

echo "== distil CartPole-v1 into 2 pairs (watch it from another terminal: HADES_HOME=$HADES_HOME hades-tui attach)"
trap 'echo "demo: interrupted; the run goes on: HADES_HOME=$HADES_HOME hadesd status" >&2' INT
hadesd start --env CartPole-v1 --set evolution.generations=150 --follow

echo "== export them"
hadesd export @ -o "$HADES_HOME/cartpole.npz" --force

echo "== the two pairs"
hadesd pairs "$HADES_HOME/cartpole.npz"

echo "== train 10 freshly initialised policies on them (500 is the most that CartPole-v1 gives)"
hadesd evaluate "$HADES_HOME/cartpole.npz" --inits 10 --seed 1

hadesd stop
