# hint: old-gradients
def train_epoch(model, loss_of, optimiser, loader):
    """Train once on every batch; the mean loss over all examples."""
    model.train()
    total, count = 0.0, 0
    for x, y in loader:
        loss = loss_of(model(x), y)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        total += loss.item() * len(x)
        count += len(x)
    return total / count
