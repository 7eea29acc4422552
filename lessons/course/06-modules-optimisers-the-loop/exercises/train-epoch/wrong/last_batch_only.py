# hint: last-loss
def train_epoch(model, loss_of, optimiser, loader):
    """Train once on every batch; the mean loss over all examples."""
    model.train()
    total, count = 0.0, 0
    for x, y in loader:
        optimiser.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(x)
        count += len(x)
    return loss.item()
