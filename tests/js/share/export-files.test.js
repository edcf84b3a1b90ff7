import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toCsv, toJson } from "../../../static/live/share/export-files.js";
import { moment } from "../fakes.js";

const MODEL = { name: "fake", version: "1", max_tokens: 512 };

/** @param {string[]} texts */
function written(...texts) {
  const moments = texts.map((text, i) => moment(text, { atMs: 1000 + 250.4 * i }));
  return { text: texts.at(-1) ?? "", shown: moments.at(-1) ?? null, moments, model: MODEL };
}

describe("JSON", () => {
  test("holds the text, its rating, the model and how it came about", () => {
    const content = JSON.parse(toJson(written("fi", "fine 🎬")));
    assert.equal(content.text, "fine 🎬");
    assert.deepEqual(content.model, { name: "fake", version: "1" });
    assert.equal(content.rating.is_of_this_text, true);
    assert.equal(content.rating.stars, 9);
    assert.equal(content.rating.probabilities.length, content.labels.length);
    /** @type {{at_ms: number, text: string}[]} */
    const timeline = content.timeline;
    assert.deepEqual(
      timeline.map(({ at_ms, text }) => [at_ms, text]),
      [
        [0, "fi"],
        [250, "fine 🎬"],
      ],
    );
  });

  test("says when the rating belongs to an older text, or is missing", () => {
    const content = JSON.parse(toJson({ ...written("fi"), text: "fine" }));
    assert.equal(content.rating.is_of_this_text, false);
    const without = { text: "fine", shown: null, moments: [], model: null };
    assert.equal(JSON.parse(toJson(without)).rating, null);
  });
});

describe("CSV", () => {
  test("has a row for each moment, as wide as its head", () => {
    const [head, ...rows] = toCsv(written("fi", "fine")).trimEnd().split("\r\n");
    assert.equal(
      head,
      "\ufeffat_ms,stars,expected_stars,interval_low,interval_high,positive,p1,p2,p3,p4,p7,p8,p9,p10,text",
    );
    assert.equal(rows.length, 2);
    for (const row of rows) assert.equal(row.split(",").length, head.split(",").length);
    assert.match(rows[1], /^250,9,/);
    assert.match(rows[1], /,"fine"$/);
  });

  test("keeps quotes, commas and lines inside a text", () => {
    assert.match(toCsv(written('a "b", c\nd')), /,"a ""b"", c\nd"\r\n$/);
  });

  test("leaves no formula for a spreadsheet to run", () => {
    for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"]) {
      assert.ok(toCsv(written(text)).endsWith(`,"'${text}"\r\n`), text);
    }
  });
});
