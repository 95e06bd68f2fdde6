"""What PPO reaches in a run's environment: the horizontal line in the paper's learning curves (section 5.1).

The library is Brax, for every environment. Why:

- It is a dependency already, and its PPO is the one that Brax's authors tuned for Brax's environments.
- It takes any object with the interface of `brax.envs.Env`, so it trains on this program's own environment
  objects (`environment`): the same dynamics, action scaling, time limits and resets that datasets are judged on.
- Its advantage estimate tells a time limit from a failure: a truncated step is left out instead of being taught
  as an end. It trains on all devices of the machine.
- It has no distribution over discrete actions, but an interface for one (`networks`: 40 lines).

What was looked at instead: rejax 0.1.3 is made for gymnax, but expects the five values of gymnax 0.0's `step` (1.0
returns six), counts a truncation as a termination, and needs distrax, which needs a nightly build of TensorFlow
Probability. sbx-rl needs PyTorch.

The policy is measured by `hadesd.distill.rollout`, with the run's E environments x T steps: the line is comparable
with the run's fitness.
"""
