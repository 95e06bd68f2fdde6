#!/usr/bin/env bash
# HaDES-F, HaDES-R and direct ES, with our settings and with the published ones at equal cost, as groups of runs:
#   benchmarks/comparison.sh ENV SEEDS            e.g. benchmarks/comparison.sh hopper 0..2
# Equal cost: the same population, generations, pairs, policies trained per candidate x environments x steps, width
# and epochs. What differs is what costs nothing: strategy, sigma, steps, shaping, normalisation, learning rates.
# Then: hadesd sweep --show cmp-ENV-ours ; hadesd sweep --show cmp-ENV-published
set -euo pipefail
env=$1 seeds=$2
name=$(echo "$env" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9')
measure=(--set evaluation.mean_every=1000 --set evaluation.mean_inits=8 --set evaluation.mean_environments=8)
case $env in
CartPole-v1) cost=(evolution.population=128 evolution.generations=40 dataset.pairs=2 cloning.epochs=100 policy.width=64 evaluation.steps=500) ;;
hopper) cost=(evolution.population=32 evolution.generations=30 dataset.pairs=4 cloning.epochs=100 policy.width=64 evaluation.steps=300) ;;
SpaceInvaders-MinAtar) cost=(evolution.population=64 evolution.generations=40 dataset.pairs=12 cloning.epochs=64 policy.width=64 evaluation.steps=500) ;;
Freeway-MinAtar) cost=(evolution.population=64 evolution.generations=30 dataset.pairs=12 cloning.epochs=64 policy.width=64 evaluation.steps=1000) ;;
*) echo "comparison.sh: no cost is set down for $env" >&2; exit 2 ;;
esac
arguments=()
for setting in "${cost[@]}"; do arguments+=(--set "$setting"); done
for preset in ours published; do
    from=cpu
    if [ $preset = published ]; then from=published; fi
    for method in hades-f hades-r es; do
        per=(--set evaluation.environments=2)
        if [ $method = hades-r ]; then per=(--set policy.inits=2 --set evaluation.environments=1); fi
        hadesd sweep --env "$env" --preset $from --method $method "${arguments[@]}" "${per[@]}" "${measure[@]}" \
            --set "seed=$seeds" --name "cmp-$name-$preset"
    done
done
