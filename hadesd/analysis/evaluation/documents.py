"""What evaluations come to, as scripts read it: the JSON documents of `hadesd evaluate` and `hadesd transfer`.

Types only: neither jax nor numpy is needed to read or write them. docs/json.md is made from them.
"""

from typing import Literal

import msgspec

from hades_protocol.run_spec import Cloning, Evaluation, Policy


class Returns(msgspec.Struct, frozen=True, kw_only=True):
    """Returns of fresh policies that were trained on a dataset, and rolled out in its environment."""

    mean: float  # mean return over the policies
    std: float  # standard deviation over the policies (0 for one)
    sem: float  # standard error of the mean
    per_init: tuple[float, ...]  # [inits] mean return of each policy, over its environments
    episodes_completed: int  # episodes that ended, over all policies
    unfinished: int  # environments in which no episode ended: their return so far was counted


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """Share of real images that fresh classifiers classify correctly, from 0 to 1."""

    mean: float  # mean over the classifiers
    std: float  # standard deviation over the classifiers (0 for one)
    sem: float  # standard error of the mean
    per_init: tuple[float, ...]  # [inits] of each classifier


class Accuracies(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracies of fresh classifiers that were trained on a set of images."""

    test: Accuracy  # on the test images
    train: Accuracy  # on the training images


class ImageBaselines(msgspec.Struct, frozen=True, kw_only=True):
    """Sets of as many images a class that need no distillation."""

    class_means: Accuracies  # trained on the mean image of each class
    real_images: Accuracies  # trained on random real images, others for each classifier


class EvaluationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that policies were trained and measured with."""

    backend: str  # setting backend
    policy: Policy  # settings policy.*
    cloning: Cloning  # settings cloning.*
    evaluation: Evaluation  # settings evaluation.*


class Computation(msgspec.Struct, frozen=True, kw_only=True):
    """What, besides settings and seed, decides the bits of these numbers."""

    platform: str  # cpu or gpu, as JAX calls it
    device: str  # kind of each device; of a CPU its model, a digest of its features and the compiler
    devices: int  # how many
    threads: int  # of XLA on the CPU (PJRT_NPROC)
    options: tuple[str, ...]  # environment variables of JAX and flags of XLA that were set and may change bits
    versions: dict[str, str]  # of the packages that compute


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that policies for several environments were trained with."""

    policy: Policy  # settings policy.*
    cloning: Cloning  # settings cloning.*


class EvaluationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What fresh policies return that were trained on a dataset."""

    file: str  # path of the dataset
    env: str  # environment, by its name in the settings
    pairs: int  # state-action pairs they were trained on
    inits: int  # policies
    returns: Returns  # what they return
    settings: EvaluationSettings  # how they were trained and measured
    computation: Computation  # on what


class ImageEvaluationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What fresh classifiers reach that were trained on a dataset of images."""

    file: str  # path of the dataset
    env: str  # set of images, by its name in the settings
    pairs: int  # images they were trained on
    inits: int  # classifiers
    accuracies: Accuracies  # what they reach
    baselines: ImageBaselines  # what classifiers reach that were trained on other images
    settings: EvaluationSettings  # how they were trained
    computation: Computation  # on what


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A level to compare with."""

    mean: float  # mean return
    sem: float  # standard error of the mean
    unfinished: int  # environments in which no episode ended: their return so far was counted


class NormalisedFitness(msgspec.Struct, frozen=True, kw_only=True):
    """Fitness on the scale on which `wrong` is 0 and `own` is 1 (Lupu et al. 2024, section 5.3)."""

    mean: float  # mean over the policies
    sem: float  # standard error of the mean
    per_init: tuple[float, ...]  # [inits] of each policy


class TaskReturns(msgspec.Struct, frozen=True, kw_only=True):
    """What policies for several environments return in one of them."""

    env: str  # the environment
    pairs: int  # pairs of this environment
    returns: Returns  # of policies trained on the whole file
    wrong: Level  # of policies trained on everything in the file but this environment's pairs
    own: Level  # of policies trained on this environment's pairs alone
    normalised: NormalisedFitness | None  # null where the levels are equal or a return is not finite


class MultitaskDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One policy for several environments, trained on a merged dataset."""

    file: str  # path of the merged dataset
    envs: tuple[str, ...]  # its environments
    pairs: int  # all of its pairs
    seed: int  # root of the random numbers
    inits: int  # policies of each kind
    episodes: int  # environments that each policy was rolled out in (--episodes)
    settings: TrainingSettings  # of the policies for all environments
    computation: Computation  # on what
    tasks: tuple[TaskReturns, ...]  # one for each environment


TransferMode = Literal["draws", "grid"]


class TransferBase(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that a dataset's file brings along: the others are chosen around them."""

    learning_rate: float  # cloning.learning_rate
    epochs: int  # cloning.epochs
    optimizer: str  # cloning.optimizer
    clip_norm: float | None  # cloning.clip_norm
    weight_decay: float = 0.0  # cloning.weight_decay
    width: int  # policy.width
    depth: int  # policy.depth
    activation: str  # policy.activation


class WidthSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one width together. Means and deviations are null where no return is finite."""

    width: int  # units of a hidden layer
    settings: int  # how many settings
    mean: float | None  # mean over the settings with a finite return
    std: float | None  # their standard deviation (0 for one)
    top_mean: float | None  # mean over the better half of the settings
    top_std: float | None  # its standard deviation (0 for one)
    reached: float | None  # share of the settings that return `threshold` or more; null without one
    not_finite: int  # settings without a finite return


class SettingReturns(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, and what policies return that were trained with it."""

    width: int  # units of a hidden layer
    depth: int  # hidden layers
    activation: str  # tanh or relu
    optimizer: str  # adam or sgd
    learning_rate: float  # of that optimiser
    epochs: int  # gradient steps
    return_mean: float | None  # over the inits; null where one return is not finite
    return_sem: float | None  # its standard error (0 for one); null likewise
    returns: tuple[float | None, ...]  # [inits] of each initialisation; null where not finite


class TransferDataset(msgspec.Struct, frozen=True, kw_only=True):
    """One dataset of a transfer experiment."""

    file: str  # path of the dataset
    run: str | None  # id of its run; null where a file was named
    env: str  # environment
    method: str | None  # hades-r, hades-f; null where the file does not say it
    generation: int | None  # generation of the dataset; null where the file does not say it
    pairs: int  # its pairs
    base: TransferBase  # the file's own settings
    reached: float | None  # share of all settings that return `threshold` or more; null without one
    widths: tuple[WidthSummary, ...]  # ascending
    settings: tuple[SettingReturns, ...]  # in the order in which they were tried


class TransferDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How well datasets train policies of other shapes and settings. A run keeps it as transfer.json."""

    mode: TransferMode  # draws: random settings; grid: every combination
    complete: bool  # false where the command was interrupted: the settings so far
    seed: int  # root of the random numbers
    inits: int  # initialisations of each setting
    episodes: int  # environments that each policy was rolled out in (--episodes)
    threshold: float | None  # return that counts as reached (--threshold)
    datasets: tuple[TransferDataset, ...]  # in the order in which they were named
