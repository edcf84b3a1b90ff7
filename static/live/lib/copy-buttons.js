/** Buttons that copy the text of an element: `<button data-copy="id" hidden>`. Shown only where one may copy. */

import { gettext } from "./i18n.js";

const BACK_AFTER_MS = 2_000;

for (const button of document.querySelectorAll("button[data-copy]")) {
  // Browsers give it to pages of a secure origin only.
  if (!navigator.clipboard) break;
  const words = button.textContent;
  let timer = null;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = gettext("Copied");
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = words;
    }, BACK_AFTER_MS);
  });
}
