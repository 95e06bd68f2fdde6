# %% [markdown]
# # Use a distilled dataset
#
# A dataset file holds a few state-action pairs. Whoever trains a fresh policy on them by plain supervised learning gets
# one that acts well. Open this file as a notebook (VS Code, Jupytext), or run it: `python examples/use_a_dataset.py`.

# %%
import os
from pathlib import Path

import numpy as np

import hadesd

FILE = Path(os.environ.get("DATASET", Path(__file__).with_name("cartpole.json")))
INITS = int(os.environ.get("INITS", "10"))

# %% [markdown]
# ## What is in it
# Reading needs no JAX. States are numbers of the environment, or normalised: `units` says which.

# %%
dataset = hadesd.load(FILE)
print(dataset, "in", dataset.units, "units; made by", dataset.meta["method"])
print("state:", *dataset.observation_names, " action:", *dataset.action_names)
natural = dataset.un_normalised()
for state, action in natural:
    print(np.round(state, 2), "->", dataset.action_names[int(np.argmax(action))])

# %% [markdown]
# ## Train policies on it
# With the network and the training that the file names; `settings=` takes others.

# %%
policies = hadesd.train(dataset, inits=INITS, seed=0)
print(policies, "losses", np.round(policies.losses, 4))
wider = hadesd.train(dataset, inits=INITS, settings={"policy.width": 256})
print(wider)

# %% [markdown]
# ## What they are worth

# %%
for name, family in (("as it was distilled", policies), ("four times as wide", wider)):
    returns = hadesd.evaluate(family, episodes=4)
    print(f"{name}: {returns.mean:.1f} ± {returns.std:.1f} over {len(family)} policies")

# %% [markdown]
# ## Act
# A policy is a function of observations: numpy in, numpy out. With a random generator it draws its action.

# %%
policy = policies[0]
print("pole leans left: ", dataset.action_names[int(policy(np.array([0.0, 0.0, -0.1, 0.0])))])
print("pole leans right:", dataset.action_names[int(policy(np.array([0.0, 0.0, 0.1, 0.0])))])
print("a batch, drawn:  ", policy(np.zeros((5, 4)), rng=np.random.default_rng(0)))
