import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FollowedField } from "../../../static/live/widget/followed-field.js";

class FakeField extends EventTarget {
  type = "textarea";
  selectionStart = 0;
  value = "";

  write(value, type = "input", inputType = "insertText") {
    this.value = value;
    this.dispatchEvent(Object.assign(new Event(type), { inputType }));
  }
}

/** A document with one place for a field, and what was heard of it. */
function follow(field) {
  const root = { field, getElementById: (id) => (id === "review" ? root.field : null) };
  let changed;
  class FakeObserver {
    constructor(callback) {
      changed = callback;
    }
    observe() {}
    disconnect() {
      changed = () => {};
    }
  }
  const followed = new FollowedField(root, "review", FakeObserver);
  const heard = [];
  followed.addEventListener("text", ({ detail }) => heard.push(detail.text));
  for (const type of ["focus", "enter", "blur"])
    followed.addEventListener(type, () => heard.push(type));
  followed.start();
  const put = (element) => {
    root.field = element;
    changed();
  };
  return { followed, heard, put };
}

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
    field.dispatchEvent(new Event("compositionstart"));
    field.write("A\nに\n", "input", "insertLineBreak");
    assert.deepEqual(heard, ["", "A\n", "enter"]);
  });

  test("a composition is told when it ends", () => {
    const field = new FakeField();
    const { heard, followed } = follow(field);
    field.dispatchEvent(new Event("compositionstart"));
    field.write("に");
    followed.tell();
    field.write("日本", "compositionend");
    assert.deepEqual(heard, ["", "日本"]);
  });

  test("leaving the field tells its text before it says so", () => {
    const field = new FakeField();
    const { heard } = follow(field);
    field.value = "set by a script";
    field.dispatchEvent(new Event("blur"));
    assert.deepEqual(heard, ["", "set by a script", "blur"]);
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

  test("after the end nothing is heard", () => {
    const field = new FakeField();
    const { followed, heard, put } = follow(field);
    followed.stop();
    field.write("late");
    put(new FakeField());
    assert.deepEqual(heard, [""]);
  });
});
