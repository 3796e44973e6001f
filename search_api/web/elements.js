// Making parts of the page, and dialogs that close by their button or a click beside them.

/** @param {string} name @param {string} [text] @param {string} [className] */
export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** @param {string} text @param {(button: HTMLButtonElement) => void} action @param {string} [className] */
export function button(text, action, className = "") {
  const made = element("button", text, className);
  made.type = "button";
  made.addEventListener("click", () => action(made));
  return made;
}

export const quietLine = (text) => element("p", text, "muted");

export function closable(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
