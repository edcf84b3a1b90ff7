import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BACKOFF_CAP_MS, RatingSocket } from "../../../static/live/client/socket.js";
import {
  explanation,
  FakeSocket,
  fakeWebSocket,
  prediction,
  serverError,
  session,
} from "../fakes.js";
import { details, open, openAndAnswer, rating, server, sockets, timers } from "../rating-socket.js";

const sentTypes = () => server().sent.map(({ type, seq }) => [type, seq]);

describe("coming up", () => {
  test("it offers the protocol by name and waits for the session", () => {
    assert.deepEqual(server().protocols, ["starcast.v1"]);
    rating.submit("typed early");
    assert.equal(rating.state, "connecting");
    assert.deepEqual(server().sent, []);
  });

  test("what was typed before the connection stood is sent when it stands", () => {
    rating.submit("typed early");
    open();
    assert.equal(rating.state, "open");
    assert.deepEqual(server().texts, [{ type: "text.update", seq: 1, text: "typed early" }]);
  });

  test("a listener of the session may still hand in a restored text", () => {
    rating.addEventListener("session", () => rating.submit("restored"));
    open();
    assert.deepEqual(
      server().texts.map(({ text }) => text),
      ["restored"],
    );
  });

  test("a server that never greets is said to be silent, then left and tried again", () => {
    timers.advance(2_000);
    assert.deepEqual(details("state"), [{ state: "connecting", attempt: 0, code: "no_answer" }]);
    assert.equal(server().isClosed, false);
    timers.advance(8_000);
    assert.equal(sockets[0].isClosed, true);
    assert.equal(rating.state, "reconnecting");
    timers.advance(500);
    assert.equal(sockets.length, 2);
  });

  test("a server with other labels is not talked to", () => {
    rating.submit("text");
    server().say(session({ labels: [1, 2, 3, 4, 5] }));
    assert.equal(rating.state, "closed");
    assert.equal(details("state").at(-1).code, "labels_differ");
    assert.deepEqual(server().sent, []);
    timers.advance(600_000);
    assert.equal(sockets.length, 1);
  });

  test("a constructor that throws is reported and tried again", () => {
    let tries = 0;
    class Refusing extends FakeSocket {
      constructor() {
        super("ws://host/");
        tries += 1;
        throw new Error("no");
      }
    }
    const other = new RatingSocket("ws://host/", { WebSocket: Refusing, timers, random: () => 1 });
    other.start();
    timers.advance(BACKOFF_CAP_MS);
    assert.ok(tries > 3);
  });

  test("an error of the socket is not thrown, for a close follows", () => {
    assert.doesNotThrow(() => server().onerror?.(new Error("refused")));
    assert.equal(rating.state, "connecting");
  });

  test("a key is offered as a second protocol", () => {
    const other = fakeWebSocket();
    const options = { key: "secret", WebSocket: other.FakeWebSocket, timers };
    new RatingSocket("ws://host/", options).start();
    assert.deepEqual(other.sockets[0].protocols, ["starcast.v1", "starcast.bearer.c2VjcmV0"]);
  });
});

describe("answers", () => {
  test("a prediction comes with the time it took", () => {
    rating.submit("a");
    open();
    timers.advance(12);
    server().say(prediction(1));
    assert.deepEqual(details("prediction"), [{ prediction: prediction(1), elapsedMs: 12 }]);
    assert.equal(rating.isSettled, true);
  });

  test("a result older than the newest one is dropped", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.flush();
    server().say(prediction(2));
    server().say(prediction(1));
    assert.deepEqual(
      details("prediction").map(({ prediction: { seq } }) => seq),
      [2],
    );
  });

  test("a text over the limit is cut, and the cut is told", () => {
    rating.submit("abcdef");
    server().say(session({ limits: { max_chars: 4, max_message_bytes: 65_536 } }));
    assert.equal(server().texts[0].text, "abcd");
    assert.deepEqual(details("sent"), [{ seq: 1, text: "abcdef", isCut: true, chars: 4 }]);
  });

  test("a refusal is handed on, and a passing one is tried again", () => {
    open();
    rating.submit("a");
    server().say(serverError("overloaded", 1, true));
    assert.equal(details("refused")[0].code, "overloaded");
    timers.advance(1_000);
    assert.deepEqual(
      server().texts.map(({ seq }) => seq),
      [1, 2],
    );
  });

  test("a refused text is tried again no earlier than the server says", () => {
    open();
    rating.submit("a");
    server().say(serverError("rate_limited", 1, true, { retry_after_ms: 5_000 }));
    rating.submit("ab");
    rating.flush();
    timers.advance(4_999);
    assert.equal(server().sent.length, 1);
    timers.advance(1_000);
    assert.deepEqual(
      server().texts.map(({ text }) => text),
      ["a", "ab"],
    );
  });

  test("a final refusal is not followed by questions about its text, whose errors would hide it", () => {
    open();
    rating.submit("a");
    server().say(serverError("text_too_long", 1, false));
    rating.flush();
    rating.explain();
    assert.deepEqual(sentTypes(), [["text.update", 1]]);
    rating.submit("b");
    rating.flush();
    rating.explain();
    assert.deepEqual(sentTypes().slice(1), [
      ["text.update", 2],
      ["flush", 2],
      ["explain", 2],
    ]);
  });

  test("nonsense from the server is reported and breaks nothing", () => {
    open();
    for (const frame of ["{", "[]", '{"type":"weather"}', '{"type":"prediction","seq":1}']) {
      server().say(frame);
    }
    assert.equal(details("fault").length, 4);
    rating.submit("a");
    server().say(prediction(1));
    assert.equal(rating.isSettled, true);
  });

  test("a flush asks for the newest text, and only while its answer is due", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.flush();
    assert.deepEqual(
      server().sent.map(({ type, seq }) => [type, seq]),
      [
        ["text.update", 1],
        ["text.update", 2],
        ["flush", 2],
      ],
    );
    server().say(prediction(2));
    rating.flush();
    assert.equal(server().sent.length, 3);
  });
});

describe("taking back", () => {
  test("a cancelled text gets neither a rating nor an explanation, and the next text is rated", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.explain();
    rating.cancel();
    server().say(prediction(1));
    server().say(prediction(2));
    server().say(explanation(2));
    assert.deepEqual(details("prediction"), []);
    assert.deepEqual(details("explanation"), []);
    assert.deepEqual(sentTypes().at(-1), ["cancel", undefined]);
    rating.submit("abc");
    server().say(prediction(3));
    assert.equal(details("prediction").length, 1);
    assert.equal(rating.isSettled, true);
  });

  test("without a connection nothing is said, and what was typed is not sent later", () => {
    rating.submit("a");
    rating.cancel();
    open();
    assert.deepEqual(sentTypes(), []);
  });
});

describe("explanations", () => {
  test("an explanation of the newest text comes with that text", () => {
    openAndAnswer("fine");
    rating.explain();
    assert.deepEqual(sentTypes().at(-1), ["explain", 1]);
    server().say(explanation(1));
    assert.deepEqual(details("explanation"), [{ explanation: explanation(1), text: "fine" }]);
  });

  test("what is known so far comes first where that is asked for", () => {
    openAndAnswer("fine");
    rating.explain({ partial: true });
    assert.equal(server().sent.at(-1)?.partial, true);
    server().say({ ...explanation(1), partial: true });
    server().say(explanation(1));
    server().say(explanation(1));
    assert.equal(details("explanation").length, 2);
    rating.explain();
    assert.equal(server().sent.at(-1)?.partial, undefined);
  });

  test("what waits is sent first, and asked about once", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.explain();
    assert.deepEqual(sentTypes(), [
      ["text.update", 1],
      ["text.update", 2],
      ["explain", 2],
    ]);
  });

  test("an explanation of an older text is dropped, also while the newer one waits", () => {
    open();
    rating.submit("a");
    rating.explain();
    rating.submit("ab");
    server().say(explanation(1));
    server().say(prediction(1));
    server().say(explanation(1));
    server().say(explanation(2));
    assert.deepEqual(details("explanation"), []);
    assert.equal(sentTypes().filter(([type]) => type === "explain").length, 1);
  });

  test("an explanation that was not requested is dropped", () => {
    openAndAnswer();
    server().say(explanation(1));
    rating.explain();
    server().say(explanation(1));
    server().say(explanation(1));
    assert.equal(details("explanation").length, 1);
  });

  test("a question that the connection took along is asked again", () => {
    openAndAnswer();
    rating.explain();
    server().end(1006);
    timers.advance(500);
    open();
    assert.deepEqual(sentTypes(), [
      ["text.update", 2],
      ["explain", 2],
    ]);
    server().say(explanation(2));
    assert.equal(details("explanation").length, 1);
  });

  test("a question that is refused for a time is asked again after it, and not before", () => {
    openAndAnswer();
    rating.explain();
    server().say(serverError("rate_limited", 1, true, { retry_after_ms: 5_000 }));
    timers.advance(4_999);
    rating.explain();
    assert.equal(sentTypes().filter(([type]) => type === "explain").length, 1);
    timers.advance(1);
    assert.deepEqual(sentTypes().at(-1), ["explain", 1]);
    server().say(explanation(1));
    assert.equal(details("explanation").length, 1);
  });

  test("so is one that the server refuses without naming the text", () => {
    openAndAnswer();
    rating.explain();
    server().say(serverError("rate_limited", undefined, true, { retry_after_ms: 5_000 }));
    timers.advance(5_000);
    assert.deepEqual(sentTypes().at(-1), ["explain", 1]);
    assert.equal(sentTypes().filter(([type]) => type === "explain").length, 2);
  });

  test("a question without a connection is asked when there is one, without a text never", () => {
    rating.explain();
    open();
    assert.deepEqual(server().sent, []);
    rating.submit("a");
    assert.deepEqual(sentTypes(), [["text.update", 1]]);
    server().end(1006);
    rating.explain();
    timers.advance(500);
    open();
    assert.deepEqual(sentTypes(), [
      ["text.update", 2],
      ["explain", 2],
    ]);
  });
});

describe("settings of the session", () => {
  /** @param {object} settings */
  const update = (settings) => ({ type: "session.update", session: settings });

  test("they go out at once, and before the text after a reconnect", () => {
    openAndAnswer();
    rating.updateSession({ min_interval_ms: 100 });
    assert.deepEqual(server().sent.at(-1), update({ min_interval_ms: 100 }));
    server().end(1006);
    rating.updateSession({ min_interval_ms: 200 });
    timers.advance(500);
    open();
    assert.deepEqual(server().sent[0], update({ min_interval_ms: 200 }));
    assert.equal(server().sent[1].type, "text.update");
  });

  test("what the server makes of them is told", () => {
    open();
    server().say({ type: "session.updated", session: { min_interval_ms: 200 } });
    assert.deepEqual(details("updated"), [{ min_interval_ms: 200 }]);
  });
});

describe("a model with other labels", () => {
  const classes = [{ name: "bad" }, { name: "good" }];
  const changed = {
    type: "model.changed",
    task: "ordinal",
    classes,
    prior: [0.5, 0.5],
    model: { name: "verdicts", version: "2", max_tokens: 512 },
  };
  const rated = { probabilities: [0.1, 0.9], label: "good", stars: undefined };

  test("may be there from the start", () => {
    const { type: _, ...model } = changed;
    server().say(session({ ...model, labels: undefined }));
    rating.submit("a");
    server().say(prediction(1, rated));
    assert.equal(details("prediction")[0].prediction.label, "good");
    server().say(prediction(2));
    assert.equal(details("fault").length, 1, "eight probabilities are not of these labels");
  });

  test("is told, and gets the newest text again", () => {
    /** @type {any[]} */
    const models = [];
    rating.addEventListener("model", ({ detail }) => models.push(detail));
    openAndAnswer();
    const { length } = server().sent;
    server().say(changed);
    assert.deepEqual(models.at(-1).classes, classes);
    assert.equal(models.at(-1).labels, undefined);
    const [again] = server().sent.slice(length);
    assert.equal(again.type, "text.update");
    server().say(prediction(Number(again.seq), rated));
    assert.equal(details("prediction").at(-1).prediction.label, "good");
    assert.deepEqual(details("fault"), []);
    assert.equal(details("session").length, 1, "the connection is the same");
  });
});
