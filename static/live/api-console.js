// Starts Swagger UI, which a script before this one has loaded.

const element = document.getElementById("console");
const isDark = matchMedia("(prefers-color-scheme: dark)");

// Its own dark style goes by this class.
function dress() {
  document.documentElement.classList.toggle("dark-mode", isDark.matches);
}

dress();
isDark.addEventListener("change", dress);

globalThis.SwaggerUIBundle({
  domNode: element,
  url: element.dataset.openapiUrl,
  deepLinking: true,
});
