/** Helpers for DOM elements. */

/**
 * @template {HTMLElement | SVGElement} [Type=HTMLElement] Type of the element.
 * @param {string} id Id of an element in the template.
 * @returns {Type}
 */
export const byId = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * Writes words, unless they are there already: a screen reader would repeat them.
 * @param {string} id
 * @param {string} words
 */
export function say(id, words) {
  const element = byId(id);
  if (element.textContent !== words) element.textContent = words;
}

/**
 * Writes words into one of the page's live regions, which screen readers announce.
 * @param {string} id
 * @param {string} words
 */
export function tell(id, words) {
  if (byId(id).textContent === words) return;
  say(id, words);
  say("status", words);
}

/**
 * @param {string} name
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
