/** Keeps the text when the page is loaded again in this tab, in another language too. It is never sent anywhere. */

/** @import { Page } from "./page.js" */

const NAME = "starcast.draft";

/** @param {Page} page */
export function attachDraft({ editor }) {
  const draft = read();
  // The browser may have restored a newer text by itself.
  if (editor.text === "" && draft !== "") editor.restore(draft);
  const keep = () => write(editor.text);
  window.addEventListener("pagehide", keep);
  // A phone may end a page in the background without a word.
  document.addEventListener("visibilitychange", keep);
}

function read() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    // The browser blocks storage.
    return "";
  }
}

/** @param {string} text */
function write(text) {
  try {
    if (text === "") sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, text);
  } catch {
    // It is blocked, or the text is too large for it: without a draft the page works as well.
  }
}
