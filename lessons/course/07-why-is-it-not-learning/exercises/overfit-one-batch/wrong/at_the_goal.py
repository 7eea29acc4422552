# hint: not-below
def overfit(model, loss_of, optimiser, x, y, goal=0.001, steps=500):
    """How many steps on one batch bring its loss below the goal; None if so many do not."""
    for step in range(steps + 1):
        loss = loss_of(model(x), y)
        if loss.item() <= goal:
            return step
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return None
