"""Broadcasting's way back: the gradients on screen are those of the engine."""

import numpy as np
import pytest

import tinygrad_core as tg
from widgets import Broadcasting

ROUNDED = 6e-3  # three digits are shown


def numbers(page, side: str) -> list[float]:
    """What stands in the visible cells of one panel, in row-major order."""
    cells = page.locator(f"[data-side='{side}'] .tgs-cell:not(.is-hidden):not(.is-fading) text").all_text_contents()
    digits = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")
    return [float(c.translate(digits).replace("·10", "e")) for c in reversed(cells)]


@pytest.mark.parametrize("sign", ["+", "-", "*", "/"])
@pytest.mark.parametrize(("first", "second"), [((3, 1), (4,)), ((2, 2, 1), (2, 1, 3)), ((), (2, 2))])
def test_the_last_step_shows_the_engines_gradients(open_page, sign, first, second):
    rng = np.random.default_rng(4)
    a, b = (rng.integers(1, 9, shape).astype(np.float64) for shape in (first, second))
    page = open_page(Broadcasting(a, b, sign, predict=False, step=-1))
    x, y = (tg.tensor(v, requires_grad=True) for v in (a, b))
    result = {"+": lambda: x + y, "-": lambda: x - y, "*": lambda: x * y, "/": lambda: x / y}[sign]()
    result.sum().backward()
    for side, tensor in (("a", x), ("b", y)):
        np.testing.assert_allclose(numbers(page, side), tensor.grad.numpy().ravel(), rtol=ROUNDED)


def test_each_copy_has_its_own_gradient_before_they_are_summed(open_page):
    page = open_page(Broadcasting(np.array([[2.0], [3.0]]), np.array([10.0, 20.0, 30.0]), "×", predict=False, step=5))
    assert numbers(page, "a") == [10, 20, 30] * 2
    assert numbers(page, "b") == [2] * 3 + [3] * 3
    page.get_by_role("button", name="Next step").click()
    assert numbers(page, "a") == [60, 60]
    assert "in the first entry 10 + 20 + 30 = 60" in page.locator("[role=status]").inner_text()
