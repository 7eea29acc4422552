"""The program that every comparison article prints, on real digits, beside PyTorch on the same batches."""
import time

import numpy as np
import pytest

import tinygrad_core
from tinygrad_core import data

LISTING = '''
import {package} as torch
import {package}.nn as nn
import {package}.optim as optim

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)
    def forward(self, x):
        x = torch.flatten(x, 1)
        x = self.fc1(x)
        x = torch.relu(x)
        x = self.fc2(x)
        output = torch.log_softmax(x, dim=1)
        return output

net = Net()
prepare(net)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.01)
for epoch in range(10):
    for i, data in enumerate(train_loader, 0):
        inputs, labels = data
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
'''
BATCH = 32


@pytest.fixture(scope="module")
def digits(shared_data):
    """8,000 images to train on, 2,000 to test with."""
    mnist = data.MNIST(shared_data, train=False, download=False)
    return [mnist.images[:8000], mnist.labels[:8000], mnist.images[8000:], mnist.labels[8000:]]


def run(package, loader, prepare):
    """Run the listing with another import and a loader; the net it trained, and seconds."""
    scope = {"train_loader": loader, "prepare": prepare}
    start = time.perf_counter()
    exec(compile(LISTING.format(package=package), "listing", "exec"), scope)
    return scope["net"], time.perf_counter() - start


def test_the_listing_learns_real_digits(digits):
    images, labels, test_images, test_labels = digits
    tinygrad_core.manual_seed(0)
    loader = data.DataLoader((images, labels), batch_size=BATCH)
    start: list[np.ndarray] = []
    net, seconds = run("tinygrad_core", loader, lambda n: start.extend(p.detach().clone().numpy() for p in n.parameters()))
    with tinygrad_core.no_grad():
        accuracy = (net(test_images).argmax(1) == test_labels).float().mean().item()
    print(f"\ntinygrad_core: {accuracy:.2%} of the 2,000 test images in {seconds:.1f} s")
    assert accuracy > 0.88

    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    theirs = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(images.numpy()), torch.tensor(labels.numpy())), batch_size=BATCH)

    def prepare(other):
        with torch.no_grad():
            for p, values in zip(other.parameters(), start, strict=True):
                p.copy_(torch.tensor(values))

    other, their_seconds = run("torch", theirs, prepare)
    with torch.no_grad():
        found = other(torch.tensor(test_images.numpy())).argmax(1) == torch.tensor(test_labels.numpy())
    their_accuracy = found.float().mean().item()
    print(f"PyTorch: {their_accuracy:.2%} in {their_seconds:.1f} s")
    assert abs(accuracy - their_accuracy) <= 0.01
