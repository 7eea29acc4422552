"""axe-core in a page of the tests: which rules of accessibility what is shown there breaks."""

from pathlib import Path

GRAVE = ("serious", "critical")
ANY = ("minor", "moderate", *GRAVE)
# One element and all that is in it, held against WCAG's rules and what axe counts as good practice.
RUN = """async (selector) => {
  const {violations} = await axe.run(selector, {resultTypes: ['violations']});
  return violations.map(({id, impact, help, nodes}) => [impact,
    `${impact}: ${id}: ${help}: ${nodes.length} times, as in ${nodes[0].html.slice(0, 200)}`]);
}"""


class Axe:
    """axe-core, put into a page when it is first asked there."""

    def __init__(self, script: Path) -> None:
        self._source = script.read_text(encoding="utf-8")

    def grave(self, page, selector: str = "html", where: str = "", least: tuple[str, ...] = GRAVE) -> list[str]:
        """What is serious or critical, or of these impacts, one line a rule; what is less than that is only printed."""
        if not page.evaluate("!!globalThis.axe"):
            page.evaluate(self._source)
        grave = []
        for impact, words in page.evaluate(RUN, selector):
            line = f"{where} {words}".strip()
            if impact in least:
                grave.append(line)
            else:
                print(line)
        return grave
