/** Follows a text field of any page by its id, while that field exists. It may appear later, and disappear again. */

/** @import { TypedEvents } from "../client/typed-events.js" */

const LINE_ENDS = ["insertLineBreak", "insertParagraph"];
const EVENTS = ["focus", "input", "change", "blur", "compositionend"];

/**
 * @typedef {HTMLTextAreaElement | HTMLInputElement} Field
 * @typedef {Pick<Document, "getElementById" | "addEventListener" | "removeEventListener"> & Node} Root
 * @typedef {{text: {text: string | null}, focus: null, enter: null, blur: null}} FieldEvents
 */

const Events = /** @type {TypedEvents<FieldEvents>} */ (EventTarget);

/**
 * Dispatches `text` with `detail.text` (null: there is no field) at every change of the text; `focus`; `enter` after
 * the new line is in the text; and `blur`. Text that an input method still composes counts.
 */
export class FollowedField extends Events {
  #root;
  #id;
  #observer;
  /** @type {Field | null} */
  #element = null;

  /**
   * @param {Root} root Where to look for the field.
   * @param {string} id
   * @param {new (callback: () => void) => Pick<MutationObserver, "observe" | "disconnect">} [Observer]
   */
  constructor(root, id, Observer = globalThis.MutationObserver) {
    super();
    this.#root = root;
    this.#id = id;
    this.#observer = new Observer(() => this.#look());
  }

  /** The text of the field; null if there is no field. @returns {string | null} */
  get text() {
    return this.#element?.value ?? null;
  }

  start() {
    const attributeFilter = ["id", "type"];
    this.#observer.observe(this.#root, { subtree: true, childList: true, attributeFilter });
    this.#root.addEventListener("reset", this, { capture: true });
    this.#hold(this.#find());
    this.tell();
  }

  stop() {
    this.#observer.disconnect();
    this.#root.removeEventListener("reset", this, { capture: true });
    this.#hold(null);
  }

  /** Dispatches the current text. Text restored by the browser or set by a script fires no event. */
  tell() {
    this.dispatchEvent(new CustomEvent("text", { detail: { text: this.text } }));
  }

  /** @param {Event & {inputType?: string, isComposing?: boolean}} event */
  handleEvent({ type, target, inputType = "", isComposing = false }) {
    if (type === "reset") return this.#reset(target);
    if (type === "focus") this.dispatchEvent(new Event("focus"));
    this.tell();
    // Enter adds a line in a `textarea`, and commits the value of an `input`.
    const isLineEnd = LINE_ENDS.includes(inputType) && !isComposing;
    if (type === "change" || isLineEnd) this.dispatchEvent(new Event("enter"));
    if (type === "blur") this.dispatchEvent(new Event("blur"));
  }

  /** @param {EventTarget | null} form A form that is reset. It empties its fields only after this event. */
  #reset(form) {
    if (this.#element !== null && this.#element.form === form) setTimeout(() => this.tell());
  }

  #find() {
    const found = this.#root.getElementById(this.#id);
    return isReadable(found) ? found : null;
  }

  #look() {
    const found = this.#find();
    if (found === this.#element) return;
    this.#hold(found);
    this.tell();
  }

  /** @param {Field | null} element */
  #hold(element) {
    for (const type of EVENTS) {
      this.#element?.removeEventListener(type, this);
      element?.addEventListener(type, this);
    }
    this.#element = element;
  }
}

/**
 * @param {Element | null} element
 * @returns {element is Field} Whether it is a text field, but not for passwords. Only text fields have a caret.
 */
function isReadable(element) {
  const { selectionStart, type } = /** @type {Partial<Field>} */ (element ?? {});
  return typeof selectionStart === "number" && type !== "password";
}
