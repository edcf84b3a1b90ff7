/** A text field of any page, known by its id: found when it comes, followed while it is there, let go when it leaves. */

/** @import { TypedEvents } from "../client/typed-events.js" */

const LINE_ENDS = ["insertLineBreak", "insertParagraph"];
const EVENTS = ["focus", "input", "change", "blur", "compositionstart", "compositionend"];

/**
 * @typedef {HTMLTextAreaElement | HTMLInputElement} Field
 * @typedef {Pick<Document, "getElementById" | "addEventListener" | "removeEventListener"> & Node} Root
 * @typedef {{text: {text: string | null}, focus: null, enter: null, blur: null}} FieldEvents
 */

const Events = /** @type {TypedEvents<FieldEvents>} */ (EventTarget);

/**
 * Dispatches `text` with `detail.text` at every change of what is written (null: there is no field), `focus`,
 * `enter` once its line is in the text, and `blur`. Says nothing during a composition.
 */
export class FollowedField extends Events {
  #root;
  #id;
  #observer;
  /** @type {Field | null} */
  #element = null;
  #isComposing = false;

  /**
   * @param {Root} root Where the field is looked for.
   * @param {string} id
   * @param {new (callback: () => void) => Pick<MutationObserver, "observe" | "disconnect">} [Observer]
   */
  constructor(root, id, Observer = globalThis.MutationObserver) {
    super();
    this.#root = root;
    this.#id = id;
    this.#observer = new Observer(() => this.#look());
  }

  /** What is written, or null where there is no field. @returns {string | null} */
  get text() {
    return this.#element?.value ?? null;
  }

  start() {
    const attributeFilter = ["id", "type"];
    this.#observer.observe(this.#root, { subtree: true, childList: true, attributeFilter });
    this.#root.addEventListener("reset", this, { capture: true });
    this.#hold(this.#find());
    this.#tell();
  }

  stop() {
    this.#observer.disconnect();
    this.#root.removeEventListener("reset", this, { capture: true });
    this.#hold(null);
  }

  /** Says what is written now. A browser that restores a text, and a script that sets one, fire no event. */
  tell() {
    if (!this.#isComposing) this.#tell();
  }

  /** @param {Event & {inputType?: string}} event */
  handleEvent({ type, target, inputType = "" }) {
    if (type === "reset") return this.#reset(target);
    if (type === "focus") this.dispatchEvent(new Event("focus"));
    if (type.startsWith("composition")) this.#isComposing = type === "compositionstart";
    this.tell();
    // An Enter makes a line in a `textarea`, and ends the change of an `input`.
    if (type === "change" || LINE_ENDS.includes(inputType)) this.#enter();
    if (type === "blur") this.dispatchEvent(new Event("blur"));
  }

  /** @param {EventTarget | null} form Which empties its fields once all have heard of it. */
  #reset(form) {
    if (this.#element !== null && this.#element.form === form) setTimeout(() => this.tell());
  }

  #enter() {
    if (!this.#isComposing) this.dispatchEvent(new Event("enter"));
  }

  #find() {
    const found = this.#root.getElementById(this.#id);
    return isReadable(found) ? found : null;
  }

  #look() {
    const found = this.#find();
    if (found === this.#element) return;
    this.#hold(found);
    this.#tell();
  }

  /** @param {Field | null} element */
  #hold(element) {
    for (const type of EVENTS) {
      this.#element?.removeEventListener(type, this);
      element?.addEventListener(type, this);
    }
    this.#element = element;
    this.#isComposing = false;
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("text", { detail: { text: this.text } }));
  }
}

/**
 * @param {Element | null} element
 * @returns {element is Field} Whether one writes text into it, and no password. Only such fields have a caret.
 */
function isReadable(element) {
  const { selectionStart, type } = /** @type {Partial<Field>} */ (element ?? {});
  return typeof selectionStart === "number" && type !== "password";
}
