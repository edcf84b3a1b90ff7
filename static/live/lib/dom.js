/** The few things that every part of the page does with elements. */

/**
 * @template {HTMLElement | SVGElement} [Type=HTMLElement] Of the element, as the template has it.
 * @param {string} id Of an element that the template has.
 * @returns {Type}
 */
export const byId = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * Writes words, unless they stand there: a screen reader would say them again.
 * @param {string} id
 * @param {string} words
 */
export function say(id, words) {
  const element = byId(id);
  if (element.textContent !== words) element.textContent = words;
}

/**
 * Writes words, and has screen readers say them, at the one place that the page has for that.
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
