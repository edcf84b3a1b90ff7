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

  /** @param {string} [reason] */
  function ended(reason = "") {
    isWanted = false;
    secret = undefined;
    watchers = 0;
    show();
    const words = roomEnded(reason);
    if (words !== "") messageLine.say(words);
  }

  socket.addEventListener("room", ({ detail: message }) => {
    switch (message.type) {
      case "room.opened":
        secret = message.secret;
        link.value = new URL(roomUrl.replace("ROOM", message.room_id), location.href).href;
        return show();
      case "room.watchers":
        watchers = message.count;
        return show();
      case "room.closed":
        return ended(message.reason);
    }
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
    byId("room-stop").focus();
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
