"""Data: sets of samples, batches of them, and the sets that everyone starts with."""
from . import transforms
from .datasets import Dataset, IterableDataset, Subset, TensorDataset, random_split
from .download import DownloadError, download
from .loader import DataLoader, default_collate
from .mnist import MNIST, FashionMNIST, read_idx
from .samplers import BatchSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler
from .small import digits, iris, moons
from .text import CharacterText
