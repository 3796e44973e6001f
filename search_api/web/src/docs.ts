// The interactive documentation of the API, at /docs: asked with the browser's own session, from this address alone.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";

SwaggerUI({
  url: "/api/v1/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  // The library's own would be asked for a badge.
  validatorUrl: null,
});
