import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NOTHING } from "../../../static/live/lib/headline.js";
import {
  announcement,
  answerTime,
  givenUp,
  headlineWords,
  intervalText,
  meterWords,
  momentWords,
  percentNumber,
  percentText,
  readNote,
  refusal,
  shortened,
  tail,
  weightText,
} from "../../../static/live/lib/strings.js";
import { prediction } from "../fakes.js";

/** @import { Headline } from "../../../static/live/lib/headline.js" */

/** @param {Headline["state"]} state @param {Headline["side"]} side @param {number} positive */
const headline = (state, side, positive, text = "text") => ({
  state,
  side,
  rating: prediction(1, { positive, expected_stars: 8.42, interval: [7, 10] }),
  text,
});

describe("numbers", () => {
  test("a percent on a bar is whole, and never claims none or all", () => {
    assert.deepEqual([0, 0.004, 0.006, 0.41, 0.994, 0.996, 1].map(percentText), [
      "0%",
      "<1%",
      "1%",
      "41%",
      "99%",
      ">99%",
      "100%",
    ]);
  });

  test("the table has one decimal", () => {
    assert.equal(percentNumber(0.41234), "41.2");
    assert.equal(percentNumber(0), "0.0");
  });

  test("a bar is said in words", () => {
    assert.equal(meterWords(9, 0.41), "9 stars, 41 percent");
    assert.equal(meterWords(1, 0.001), "1 star, less than 1 percent");
    assert.equal(meterWords(10, 0.999), "10 stars, more than 99 percent");
  });

  test("an interval of one rating is said as one, and one of the whole scale not at all", () => {
    assert.equal(intervalText([7, 10]), "80% likely 7 to 10 stars");
    assert.equal(intervalText([10, 10]), "80% likely 10 stars");
    assert.equal(intervalText([7.25, 9]), "80% likely 7.3 to 9 stars");
    assert.equal(intervalText([1, 10]), "");
  });

  test("an answer time has the unit that fits", () => {
    assert.deepEqual([0.4, 12.4, 999.4, 1_540].map(answerTime), [
      "under 1 ms",
      "12 ms",
      "999 ms",
      "1.5 s",
    ]);
  });
});

describe("sentences", () => {
  test("a headline says as much as its state", () => {
    /** @type {[Headline, string[]][]} */
    const cases = [
      [headline("says", "positive", 0.97), ["Positive 97%", "80% likely 7 to 10 stars"]],
      [headline("says", "negative", 0.08), ["Negative 92%", "80% likely 7 to 10 stars"]],
      [headline("leans", "negative", 0.3), ["Leans negative 70%", "80% likely 7 to 10 stars"]],
      [headline("either_way", null, 0.56), ["Could go either way", "Positive 56%"]],
      [headline("no_opinion", null, 0.9), ["No opinion yet", "It found too little to rate."]],
      [headline("unreadable", null, 0.9), ["Cannot read this", "It reads English only."]],
      [
        headline("unreadable", null, 0.9, "12 ?!"),
        ["Cannot read this", "Nothing here it can read."],
      ],
    ];
    for (const [given, words] of cases) assert.deepEqual(headlineWords(given), words);
  });

  test("of no text a screen reader hears nothing", () => {
    assert.equal(announcement(NOTHING), "");
  });

  test("a screen reader hears the headline, with its stars where it has a number", () => {
    assert.equal(
      announcement(headline("says", "positive", 0.97)),
      "Positive 97%. 8.4 of 10 stars.",
    );
    assert.equal(
      announcement(headline("unreadable", null, 0.9)),
      "Cannot read this. It reads English only.",
    );
  });

  test("of a long text it is said what is read, and of a cut one how much of it", () => {
    assert.equal(readNote(null), "");
    assert.equal(readNote({ truncated: false }), "");
    assert.match(readNote({ truncated: true }), /the beginning and the end only/);
    assert.match(readNote({ truncated: true }, 20_000), /first 20,000 characters/);
  });

  test("every refusal and every final close has plain words", () => {
    const codes = ["overloaded", "rate_limited", "model_unavailable", "internal", "never_heard_of"];
    for (const code of codes) assert.doesNotMatch(refusal({ code }), /_|undefined/);
    for (const code of ["4503", "4504", "4520", "4521", "labels_differ", "4777"]) {
      assert.doesNotMatch(givenUp(code), /_|undefined/);
    }
    // To load the page again helps with neither.
    for (const code of ["4520", "4521"]) assert.notEqual(givenUp(code), givenUp("labels_differ"));
  });
});

describe("moments and contributions", () => {
  test("a weight has its sign in front, and as many decimals as it needs", () => {
    assert.deepEqual([1.62, 0.4, -0.84, 0.06].map(weightText), ["+1.6", "+0.4", "−0.8", "+0.06"]);
  });

  test("a moment is said with its place and its headline", () => {
    assert.equal(
      momentWords(headline("says", "positive", 0.97), 11, 40),
      "Moment 12 of 40: Positive 97%. 8.4 of 10 stars.",
    );
    for (const state of /** @type {const} */ (["no_opinion", "unreadable"])) {
      const calm = headline(state, null, 0.9);
      assert.equal(momentWords(calm, 0, 2), `Moment 1 of 2: ${announcement(calm)}`);
    }
  });

  test("a long phrase is cut in its middle, on one line, and no emoji in two", () => {
    assert.equal(shortened("warm\n  and funny"), "warm and funny");
    const cut = shortened("🙂".repeat(50));
    assert.equal(cut, `${"🙂".repeat(16)} … ${"🙂".repeat(16)}`);
    const sentence = "Wonderful acting and a breathtaking score.";
    assert.equal(shortened(sentence), "Wonderful acting … score.");
  });

  test("of a long text the end is shown, and no emoji cut in two", () => {
    assert.equal(tail("short"), "short");
    for (const text of ["🙂".repeat(200), `a${"🙂".repeat(200)}`]) {
      assert.match(tail(text), /^…🙂+$/u);
    }
  });
});
