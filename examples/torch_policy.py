"""Train a PyTorch policy on a dataset file, and run it in Gymnasium. JAX is not needed.

pip install '.[examples]'
python examples/torch_policy.py        # DATASET=FILE for one of your own for CartPole-v1
"""

import itertools
import os
from pathlib import Path

import gymnasium
import numpy as np
import torch
from torch import nn

import hadesd

FILE = Path(os.environ.get("DATASET", Path(__file__).with_name("cartpole.json")))
EPISODES = int(os.environ.get("EPISODES", "10"))

dataset = hadesd.load(FILE)
print(dataset)
settings, cloning = dataset.meta["policy"], dataset.meta["cloning"]
states, labels = torch.from_numpy(dataset.states), torch.from_numpy(dataset.actions)

torch.manual_seed(0)
sizes = [states.shape[1], *[settings["width"]] * settings["depth"], labels.shape[1]]
layers = [nn.Linear(fan_in, fan_out) for fan_in, fan_out in itertools.pairwise(sizes)]
for layer in layers:
    nn.init.orthogonal_(layer.weight, 0.01 if layer is layers[-1] else 2**0.5)
    nn.init.zeros_(layer.bias)
policy = nn.Sequential(*[module for layer in layers[:-1] for module in (layer, nn.Tanh())], layers[-1])

decay = cloning.get("weight_decay", 0.0)
optimizer = torch.optim.AdamW(policy.parameters(), lr=cloning["learning_rate"], eps=1e-5, weight_decay=decay)
for _ in range(cloning["epochs"]):
    loss = -(labels * torch.log_softmax(policy(states), dim=1)).mean()  # cross-entropy, averaged over all entries
    optimizer.zero_grad()
    loss.backward()
    if cloning["clip_norm"]:
        nn.utils.clip_grad_norm_(policy.parameters(), cloning["clip_norm"])
    optimizer.step()
print(f"loss after {cloning['epochs']} epochs on {len(dataset)} pairs: {loss.item():.5f}")

env = gymnasium.make("CartPole-v1")
returns = []
for episode in range(EPISODES):
    observation, _ = env.reset(seed=episode)
    done, total = False, 0.0
    while not done:
        with torch.no_grad():
            action = torch.distributions.Categorical(logits=policy(torch.from_numpy(observation))).sample()
        observation, reward, terminated, truncated, _ = env.step(action.item())
        total, done = total + float(reward), terminated or truncated
    returns.append(total)
print(f"return in gymnasium: {np.mean(returns):.1f} ± {np.std(returns):.1f} over {EPISODES} episodes")
