// Starts Swagger UI, which a script before this one has loaded.

const element = document.getElementById("console");

globalThis.SwaggerUIBundle({
  domNode: element,
  url: element.dataset.openapiUrl,
  deepLinking: true,
});
