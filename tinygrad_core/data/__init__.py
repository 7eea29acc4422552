"""Data: sets of samples, batches of them, and the sets that everyone starts with."""
from .datasets import Dataset, Subset, TensorDataset, random_split
from .download import DownloadError, download
from .loader import DataLoader, default_collate
from .mnist import MNIST, FashionMNIST, read_idx
from .small import digits, iris, moons
