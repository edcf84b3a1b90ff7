import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FollowedField } from "../../../static/live/widget/followed-field.js";

/** @import { Root } from "../../../static/live/widget/followed-field.js" */

class FakeField extends EventTarget {
  type = "textarea";
  /** @type {number | null} */
  selectionStart = 0;
  value = "";
  form = new EventTarget();

  /** @param {string} value @param {string} type @param {string} inputType @param {boolean} isComposing */
  write(value, type = "input", inputType = "insertText", isComposing = false) {
    this.value = value;
    this.dispatchEvent(Object.assign(new Event(type), { inputType, isComposing }));
  }
}

/** A document with one place for a field. */
class FakeRoot extends EventTarget {
  /** @param {FakeField | null} field */
  constructor(field) {
    super();
    this.field = field;
  }

  /** @param {string} id */
  getElementById(id) {
    return id === "review" ? this.field : null;
  }

  /** A form of the document is reset: its event is heard before its fields are empty. @param {EventTarget} form */
  reset(form) {
    const event = new Event("reset");
    Object.defineProperty(event, "target", { value: form });
    this.dispatchEvent(event);
    if (this.field?.form === form) this.field.value = "";
  }
}

/** @param {FakeField | null} field */
function follow(field) {
  const root = new FakeRoot(field);
  let changed = () => {};
  class FakeObserver {
    /** @param {() => void} callback */
    constructor(callback) {
      changed = callback;
    }
    observe() {}
    disconnect() {
      changed = () => {};
    }
  }
  const document = /** @type {Root} */ (/** @type {unknown} */ (root));
  const followed = new FollowedField(document, "review", FakeObserver);
  /** What was heard of it. @type {(string | null)[]} */
  const heard = [];
  followed.addEventListener("text", ({ detail }) => heard.push(detail.text));
  for (const type of /** @type {const} */ (["focus", "enter", "blur"]))
    followed.addEventListener(type, () => heard.push(type));
  followed.start();
  /** @param {FakeField | null} element */
  const put = (element) => {
    root.field = element;
    changed();
  };
  return { followed, heard, put, root };
}

/** Once the timers that are due have run. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("a followed field", () => {
  test("what stands there already is told at the start, then every change", () => {
    const field = new FakeField();
    field.value = "A ";
    const { heard } = follow(field);
    field.write("A f");
    field.write("A fi", "change");
    assert.deepEqual(heard, ["A ", "A f", "A fi", "enter"]);
  });

  test("an Enter is told after its line, and not where it ends a composition", () => {
    const field = new FakeField();
    const { heard } = follow(field);
    field.write("A\n", "input", "insertLineBreak");
    field.write("A\nに\n", "input", "insertLineBreak", true);
    assert.deepEqual(heard, ["", "A\n", "enter", "A\nに\n"]);
  });

  test("a composition is told at each step", () => {
    const field = new FakeField();
    const { heard } = follow(field);
    field.write("に", "input", "insertCompositionText", true);
    field.write("にほ", "input", "insertCompositionText", true);
    field.write("日本", "compositionend");
    assert.deepEqual(heard, ["", "に", "にほ", "日本"]);
  });

  test("a reset of its form is reported once the field is empty, and a reset of another form is not", async () => {
    const field = new FakeField();
    const { heard, root } = follow(field);
    field.write("A fine film");
    root.reset(new EventTarget());
    root.reset(field.form);
    await settled();
    assert.deepEqual(heard, ["", "A fine film", ""]);
  });

  test("what a script has set is told when the field gets the focus, loses it, or hears of a change", () => {
    /** @type {[type: string, before: string[], after: string[]][]} */
    const cases = [
      ["focus", ["focus"], []],
      ["blur", [], ["blur"]],
      ["change", [], ["enter"]],
      ["input", [], []],
    ];
    for (const [type, before, after] of cases) {
      const field = new FakeField();
      const { heard } = follow(field);
      field.value = "set by a script";
      field.dispatchEvent(new Event(type));
      assert.deepEqual(heard, ["", ...before, "set by a script", ...after]);
    }
  });

  test("a field may come later, go, and be replaced by another", () => {
    const { heard, put } = follow(null);
    const [first, second] = [new FakeField(), new FakeField()];
    first.value = "first";
    put(first);
    put(second);
    first.write("nobody reads this any more");
    second.write("second");
    put(null);
    assert.deepEqual(heard, [null, "first", "", "second", null]);
  });

  test("a change elsewhere in the page is no news", () => {
    const field = new FakeField();
    const { heard, put } = follow(field);
    put(field);
    assert.deepEqual(heard, [""]);
  });

  test("passwords are never read, nor what has no text", () => {
    const password = Object.assign(new FakeField(), { type: "password", value: "secret" });
    const checkbox = Object.assign(new FakeField(), { selectionStart: null, value: "on" });
    assert.deepEqual(follow(password).heard, [null]);
    assert.deepEqual(follow(checkbox).heard, [null]);
  });

  test("after the end nothing is heard", async () => {
    const field = new FakeField();
    const { followed, heard, put, root } = follow(field);
    followed.stop();
    field.write("late");
    root.reset(field.form);
    put(new FakeField());
    await settled();
    assert.deepEqual(heard, [""]);
  });
});
