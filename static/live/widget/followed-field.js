/** A text field of any page, known by its id: found when it comes, followed while it is there, let go when it leaves. */

const LINE_ENDS = ["insertLineBreak", "insertParagraph"];
const EVENTS = ["focus", "input", "change", "blur", "compositionstart", "compositionend"];

/**
 * Dispatches `text` with `detail.text` at every change of what is written (null: there is no field), `focus`,
 * `enter` once its line is in the text, and `blur`. Says nothing during a composition.
 */
export class FollowedField extends EventTarget {
  #root;
  #id;
  #observer;
  #element = null;
  #isComposing = false;

  /**
   * @param {Document | ShadowRoot} root Where the field is looked for.
   * @param {string} id
   * @param {typeof MutationObserver} [Observer]
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
    this.#hold(this.#find());
    this.#tell();
  }

  stop() {
    this.#observer.disconnect();
    this.#hold(null);
  }

  /** Says what is written now. A browser that restores a text, and a script that sets one, fire no event. */
  tell() {
    if (!this.#isComposing) this.#tell();
  }

  handleEvent({ type, inputType }) {
    if (type === "focus") this.dispatchEvent(new Event("focus"));
    if (type.startsWith("composition")) this.#isComposing = type === "compositionstart";
    this.tell();
    // An Enter makes a line in a `textarea`, and ends the change of an `input`.
    if (type === "change" || LINE_ENDS.includes(inputType)) this.#enter();
    if (type === "blur") this.dispatchEvent(new Event("blur"));
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

/** Whether one writes text into it, and no password. Only such fields have a caret. */
function isReadable(element) {
  return typeof element?.selectionStart === "number" && element.type !== "password";
}
