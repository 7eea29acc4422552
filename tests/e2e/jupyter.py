"""A JupyterLab window as a test sees it: open, run, save, change theme, and what the page said."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import BrowserContext, Locator, Route, WebSocket, expect

# Milliseconds. Generous: two slow cores may run a browser, a server and a kernel at once.
LONG = 120_000
SHORT = 30_000
expect.set_options(timeout=SHORT)


class Lab:
    """One window with one notebook. `errors` and `strangers` collect what should not happen."""

    def __init__(self, context: BrowserContext, url: str, token: str, notebook: str) -> None:
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.url = url
        self.notebook = notebook
        self._host = urlsplit(url).netloc
        context.set_default_timeout(SHORT)
        context.set_default_navigation_timeout(LONG)
        context.route("**/*", self._only_our_server)
        self.page = context.new_page()
        self.page.on("console", lambda line: line.type == "error" and self._error(line.text))
        self.page.on("pageerror", lambda error: self._error(f"{error.message}\n{error.stack}"))
        self.page.on("websocket", self._socket)
        self.page.goto(f"{url}/lab/tree/{quote(notebook)}?token={token}&reset")  # without what other windows had open
        self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.content")
        self.panel = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        expect(self.panel.locator(".jp-Cell").first).to_be_visible(timeout=LONG)

    # --- what the page said ---

    def _only_our_server(self, route: Route) -> None:
        if self._is_ours(route.request.url):
            route.continue_()
        else:
            self.strangers.append(route.request.url)
            route.abort()

    def _is_ours(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in ("data", "blob") or parts.netloc == self._host

    def _socket(self, socket: WebSocket) -> None:
        if not self._is_ours(socket.url):
            self.strangers.append(socket.url)

    def _error(self, text: str) -> None:
        self.errors.append(text)

    # --- what a person does ---

    def command(self, name: str, **arguments: Any) -> Any:
        """Run one of JupyterLab's commands: its menus come and go, its commands stay."""
        return self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)",
            [name, arguments],
        )

    def wait_for_kernel(self) -> None:
        """Wait until the kernel is connected and idle; a cell's own mark says so too early."""
        status = self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r"\| Idle$"))
        expect(status).to_be_visible(timeout=LONG)
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.connectionStatus === 'connected'"
        )

    def run_all(self) -> None:
        """Run every cell and wait for the last."""
        self.wait_for_kernel()
        self.command("notebook:run-all-cells")
        self.wait_for_kernel()

    def show_every_cell(self) -> None:
        """Put every cell into the page; Lab otherwise keeps only those in view."""
        self.page.evaluate("""() => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            notebook.notebookConfig = {...notebook.notebookConfig, windowingMode: "none"};
        }""")

    def _index(self, source: str) -> int:
        """The number of the code cell whose source begins with this text, made the active one."""
        index = self.page.evaluate(
            """source => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            const found = notebook.widgets.findIndex(
                cell => cell.model.type === "code" && cell.model.sharedModel.getSource().startsWith(source));
            if (found >= 0) notebook.activeCellIndex = found;
            return found;
        }""",
            source,
        )
        assert index >= 0, f"no code cell begins with {source!r}"
        return index

    def cell(self, source: str) -> Locator:
        """The code cell whose source begins with this text."""
        return self.panel.locator(".jp-Notebook .jp-Cell").nth(self._index(source))

    def write(self, source: str, text: str) -> None:
        """Put another text into the code cell that begins with `source`."""
        self.page.evaluate(
            """([index, text]) => window.jupyterapp.shell.currentWidget.content
            .widgets[index].model.sharedModel.setSource(text)""",
            [self._index(source), text],
        )

    def run_cell(self, source: str) -> None:
        """Run the code cell whose source begins with this text, and wait for it."""
        self._index(source)
        self.command("notebook:run-cell")
        self.wait_for_kernel()

    def restart_kernel(self) -> None:
        """A new session: a kernel that knows nothing."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.wait_for_kernel()

    def shut_kernel_down(self) -> None:
        """End the kernel and start no other."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel")

    def has_kernel(self) -> bool:
        return self.page.evaluate("() => !!window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel")

    def save(self) -> None:
        self.command("docmanager:save")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def theme(self, name: str) -> None:
        """Change to "JupyterLab Light" or "JupyterLab Dark"."""
        self.command("apputils:change-theme", theme=name)
        expect(self.page.locator(f'body[data-jp-theme-name="{name}"]')).to_be_attached()
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def screenshot(self, path: Path, of: Locator | None = None) -> None:
        (of or self.page).screenshot(path=str(path))


def readable(element: Locator) -> bool:
    """Whether an element's text stands out from what is behind it: WCAG's contrast of 4.5 or more."""
    return element.evaluate("""element => {
        const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const parts = color => color.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        let behind = element, back;
        do { back = parts(getComputedStyle(behind).backgroundColor); behind = behind.parentElement; }
        while (behind && back.length > 3 && back[3] === 0);
        const [a, b] = [light(parts(getComputedStyle(element).color)), light(back)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05) >= 4.5;
    }""")
