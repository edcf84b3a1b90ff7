/** Shows the state of the connection, the answer time, and, in the place of the badge, that the connection is lost. */

import { byId, say } from "../lib/dom.js";
import { answerTime, CONNECTION_LOST, givenUp, OFFLINE } from "../lib/strings.js";

/** @import { RatingSocket, Status } from "../client/socket.js" */

// One failed attempt may be a restart of the server; after the second, the connection counts as lost.
const LOST_FROM_ATTEMPT = 2;

// Share of the place of the badge; less of it cannot be read.
const IN_SIGHT = 0.9;

// The watch page itself shows when a room has ended.
const ROOM_ENDED = "4522";

/**
 * @param {object} page
 * @param {RatingSocket} page.socket
 * @param {() => boolean} [page.isOver] Whether the page has stopped looking for its room.
 * @param {string} [page.lost] What to say to those who cannot type while the connection is lost.
 */
export function attachConnection({ socket, isOver = () => false, lost }) {
  /** @type {Status} */
  let status = { state: socket.state, attempt: 0, code: null };

  function showStatus() {
    const { attempt, code } = status;
    const state = code === ROOM_ENDED && !isOver() ? "reconnecting" : status.state;
    byId("connection").dataset.state = state;
    byId("retry").hidden = state === "closed";
    if (state === "open" || code === ROOM_ENDED) say("alert", "");
    else if (state === "closed") say("alert", givenUp(code ?? ""));
    else if (!navigator.onLine) say("alert", lost ?? OFFLINE);
    else if (attempt >= LOST_FROM_ATTEMPT) say("alert", lost ?? CONNECTION_LOST);
  }

  // Who types where the panel is scrolled away must see what is wrong, too.
  new IntersectionObserver(
    (entries) => {
      const share = entries.at(-1)?.intersectionRatio ?? 1;
      byId("connection").dataset.inSight = String(share >= IN_SIGHT);
    },
    { threshold: IN_SIGHT },
  ).observe(byId("connection"));

  socket.addEventListener("state", ({ detail }) => {
    status = detail;
    showStatus();
  });
  socket.addEventListener("model", ({ detail: { model } }) => {
    say("model", `${model.name} ${model.version}`);
  });
  socket.addEventListener("session", ({ detail: { transport } }) => {
    byId("connection").dataset.transport = transport ?? "websocket";
  });
  socket.addEventListener("prediction", ({ detail: { elapsedMs } }) => {
    if (elapsedMs !== null) say("answer-time", answerTime(elapsedMs));
  });
  socket.addEventListener("fault", ({ detail }) => console.error("starcast:", detail));

  byId("retry").addEventListener("click", () => socket.retryNow());
  window.addEventListener("online", () => {
    showStatus();
    socket.retryNow();
  });
  window.addEventListener("offline", () => {
    showStatus();
    socket.probe();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    socket.retryNow();
    socket.probe();
  });
}
