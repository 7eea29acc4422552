"""A JupyterLab window as a test sees it: open, run, save, change theme, and what the page said."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import BrowserContext, Locator, Route, WebSocket, expect

# Milliseconds. Generous: two slow cores may run a browser, a server and a kernel at once.
LONG = 120_000
SHORT = 30_000


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
        self.page.goto(f"{url}/lab/tree/{quote(notebook)}?token={token}")
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

    def run_all(self) -> None:
        """Run every cell and wait for the last."""
        self.wait_for_kernel()
        self.command("notebook:run-all-cells")
        self.wait_for_kernel()

    def save(self) -> None:
        self.command("docmanager:save")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def theme(self, name: str) -> None:
        """Change to "JupyterLab Light" or "JupyterLab Dark"."""
        self.command("apputils:change-theme", theme=name)
        expect(self.page.locator(f'body[data-jp-theme-name="{name}"]')).to_be_attached()

    def screenshot(self, path: Path, of: Locator | None = None) -> None:
        (of or self.page).screenshot(path=str(path))
