/** One direction of imports between the rooms of `static/live`: a room imports from those before it alone. */

const ROOMS = ["client", "lib", "page", "explain", "timeline", "share", "watch"];

/** @import { IConfiguration, IForbiddenRuleType } from "dependency-cruiser" */

/** @param {string[]} rooms */
const inRooms = (rooms) => `static/live/(${rooms.join("|")})/`;

/** @type {IForbiddenRuleType[]} */
const forwards = ROOMS.map((room, i) => ({
  name: `${room}-imports-from-the-rooms-before-it`,
  severity: "error",
  from: { path: inRooms([room]) },
  to: { pathNot: inRooms(ROOMS.slice(0, i + 1)) },
}));

/** @type {IConfiguration} */
const config = {
  forbidden: [
    ...forwards,
    {
      name: "the-widget-knows-nothing-of-the-page",
      severity: "error",
      from: { path: inRooms(["widget"]) },
      to: { pathNot: inRooms(["client", "lib", "widget"]) },
    },
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    { name: "nothing-unknown", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.page.json" },
    parser: "tsc",
    detectJSDocImports: true,
  },
};

// biome-ignore lint/style/noDefaultExport: dependency-cruiser reads no other.
export default config;
