/** The controls of a room: a button opens it for watchers, and it continues after a reconnect. */

import { byId, say, tell } from "../lib/dom.js";
import { copy, sayOn } from "../share/sharing.js";
import {
  LINK_SHOWN,
  ROOM_LINK_COPIED,
  ROOM_LOST,
  ROOM_NEEDS_SOCKET,
  roomEnded,
  watchersText,
} from "../share/strings.js";

/**
 * @import { Session } from "../client/protocol.js"
 * @import { Page } from "../page/page.js"
 */

/** @param {Page} page */
export function attachRooms({ socket, messageLine, session }) {
  const room = byId("room");
  /** @type {HTMLInputElement} */
  const link = byId("room-link");
  /** @type {HTMLButtonElement} */
  const openButton = byId("room-open");
  const hint = byId("room-hint").textContent;
  const roomUrl = room.dataset.url ?? "";
  /** @type {string | undefined} Known to this page alone, and forgotten with it. */
  let secret;
  let isWanted = false;
  let watchers = 0;

  function show() {
    const isLost = isWanted && socket.state !== "open";
    room.dataset.state = isWanted ? (isLost ? "lost" : "open") : "closed";
    openButton.hidden = isWanted;
    byId("room-shared").hidden = !isWanted || secret === undefined;
    if (isWanted) tell("room-watchers", isLost ? ROOM_LOST : watchersText(watchers));
  }

  /** @param {{room_id: string, secret: string}} room */
  function opened(room) {
    const isNew = secret === undefined;
    secret = room.secret;
    link.value = new URL(roomUrl.replace("ROOM", room.room_id), location.href).href;
    show();
    if (isNew) passFocus(byId("room-stop"));
  }

  /** @param {string} [reason] */
  function ended(reason = "") {
    isWanted = false;
    secret = undefined;
    watchers = 0;
    show();
    const words = roomEnded(reason);
    if (words !== "") messageLine.say(words);
  }

  /**
   * Focuses what takes the place of a button that is hidden now, unless the person has gone on.
   * @param {HTMLElement} button
   */
  function passFocus(button) {
    if (document.activeElement === document.body) button.focus();
  }

  socket.addEventListener("room", ({ detail: message }) => {
    switch (message.type) {
      case "room.opened":
        if (!isWanted) return;
        return opened(message);
      case "room.watchers":
        watchers = message.count;
        return show();
      case "room.closed":
        // What this page closed itself it knows already, and it may have asked for another room since.
        return message.reason === "closed" ? undefined : ended(message.reason);
    }
  });
  socket.addEventListener("refused", ({ detail: { seq } }) => {
    // No text was refused: perhaps the room.
    if (!isWanted || secret !== undefined || (seq ?? null) !== null) return;
    ended();
    passFocus(openButton);
  });
  /** @param {Partial<Session>} session */
  function greeted({ transport }) {
    const isOverHttp = transport === "http";
    openButton.disabled = isOverHttp;
    say("room-hint", isOverHttp ? ROOM_NEEDS_SOCKET : hint);
    if (isWanted && !isOverHttp) socket.openRoom(secret);
  }

  socket.addEventListener("session", ({ detail }) => greeted(detail));
  socket.addEventListener("state", show);

  openButton.addEventListener("click", () => {
    isWanted = true;
    socket.openRoom();
    show();
  });
  byId("room-stop").addEventListener("click", () => {
    socket.closeRoom();
    ended();
    openButton.focus();
  });
  byId("room-copy").addEventListener("click", async () => {
    if (await copy(link.value, link)) sayOn(byId("room-copy"), ROOM_LINK_COPIED);
    else messageLine.say(LINK_SHOWN);
  });
  greeted(session ?? {});
  show();
}
