import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Replay, schedule } from "../../../static/live/timeline/replay.js";
import { FakeTimers } from "../fakes.js";

/** @param {{afterMs: number}[]} steps */
const total = (steps) => steps.reduce((sum, { afterMs }) => sum + afterMs, 0);

describe("the pace", () => {
  test("it is the pace of the typing", () => {
    assert.deepEqual(schedule([1_000, 1_080, 1_200], false), [
      { index: 0, afterMs: 0 },
      { index: 1, afterMs: 80 },
      { index: 2, afterMs: 120 },
    ]);
  });

  test("a pause for thought is left out", () => {
    assert.equal(schedule([0, 60_000], false)[1].afterMs, 350);
  });

  test("a long text is played faster, and whole", () => {
    const steps = schedule(
      Array.from({ length: 400 }, (_, i) => i * 200),
      false,
    );
    assert.equal(steps.length, 400);
    assert.equal(Math.round(total(steps)), 12_000);
  });

  test("without motion it is a few pictures from the first to the last", () => {
    const steps = schedule(
      Array.from({ length: 400 }, (_, i) => i * 200),
      true,
    );
    assert.equal(steps.length, 12);
    assert.deepEqual([steps[0]?.index, steps.at(-1)?.index], [0, 399]);
    assert.ok(steps.slice(1).every(({ afterMs }) => afterMs >= 900));
  });

  test("moments that came all at once are played all the same", () => {
    assert.deepEqual(
      schedule([5, 5], false).map(({ afterMs }) => afterMs),
      [0, 0],
    );
  });
});

describe("playing", () => {
  /** @type {FakeTimers} */
  let timers;
  /** @type {number[]} */
  let shown;
  /** @type {number} */
  let ends;
  /** @type {Replay} */
  let replay;

  beforeEach(() => {
    timers = new FakeTimers();
    shown = [];
    ends = 0;
    replay = new Replay({
      onMoment: (index) => shown.push(index),
      onEnd: () => {
        ends += 1;
      },
      timers,
    });
  });

  test("each moment is shown once and in order, then it ends", () => {
    replay.play([0, 100, 200], false);
    assert.equal(replay.isPlaying, true);
    timers.advance(150);
    assert.deepEqual(shown, [0, 1]);
    timers.advance(1_000);
    assert.deepEqual(shown, [0, 1, 2]);
    assert.deepEqual([replay.isPlaying, ends, timers.pendingCount], [false, 1, 0]);
  });

  test("the last moment is to be seen before the end", () => {
    replay.play([0, 100], false);
    timers.advance(110);
    assert.deepEqual([shown.at(-1), replay.isPlaying], [1, true]);
  });

  test("stopped, it ends at once and for good", () => {
    replay.play([0, 100, 200], false);
    timers.advance(10);
    replay.stop();
    replay.stop();
    timers.advance(1_000);
    assert.deepEqual([shown, ends, timers.pendingCount], [[0], 1, 0]);
  });
});
