// Light or dark, as the page around the widget is.

const dark = (): MediaQueryList | null =>
  typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : null;

/** JupyterLab, VS Code and Colab say what they are; elsewhere the system's wish counts. */
export function isDark(): boolean {
  const { body, documentElement: html } = document;
  const lab = body.getAttribute("data-jp-theme-light");
  if (lab !== null) return lab === "false";
  if (body.className.includes("vscode-")) return !body.classList.contains("vscode-light");
  const colab = html.getAttribute("theme");
  if (colab !== null) return colab === "dark";
  return dark()?.matches ?? false;
}

/** Keeps `data-theme` right; returns how to stop. */
export function followTheme(root: HTMLElement): () => void {
  const apply = (): void => root.setAttribute("data-theme", isDark() ? "dark" : "light");
  apply();
  const observer = new MutationObserver(apply);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["theme"] });
  const media = dark();
  media?.addEventListener("change", apply);
  return () => {
    observer.disconnect();
    media?.removeEventListener("change", apply);
  };
}
