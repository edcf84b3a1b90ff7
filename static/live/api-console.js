// Starts Swagger UI, which the script before this one has loaded.

import { byId } from "./lib/dom.js";

/** @typedef {(options: {domNode: HTMLElement, url: string | undefined, deepLinking: boolean}) => void} SwaggerUi */

const element = byId("console");
const isDark = matchMedia("(prefers-color-scheme: dark)");

// This class turns on Swagger UI's own dark style.
function dress() {
  document.documentElement.classList.toggle("dark-mode", isDark.matches);
}

dress();
isDark.addEventListener("change", dress);

const { SwaggerUIBundle } = /** @type {typeof globalThis & {SwaggerUIBundle: SwaggerUi}} */ (
  globalThis
);

SwaggerUIBundle({
  domNode: element,
  url: element.dataset.openapiUrl,
  deepLinking: true,
});
