def train_epoch(model, loss_of, optimiser, loader):
    """Train once on every batch; the mean loss over all examples."""
    ### BEGIN SOLUTION
    model.train()
    total, count = 0.0, 0
    for x, y in loader:
        optimiser.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(x)
        count += len(x)
    return total / count
    ### FADED
    # model.train()
    # total, count = 0.0, 0
    # for x, y in loader:
    #     optimiser.____
    #     loss = loss_of(____, y)
    #     loss.____
    #     optimiser.____
    #     total += ____
    #     count += len(x)
    # return total / count
    ### END SOLUTION
