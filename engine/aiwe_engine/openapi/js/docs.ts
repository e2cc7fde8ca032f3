/**
 * The page of an app's routes, in a browser: swagger-ui on the document that stands in the page. It
 * sends requests to wherever the page was loaded from, so it works at any address of the app.
 */
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

declare const document: any, location: any, self: any, matchMedia: (query: string) => any;
declare const URL: new (url: string, base: string) => { href: string };

const spec = JSON.parse(document.getElementById("openapi").textContent);
const { home } = JSON.parse(document.body.dataset.settings) as { home: string };
const here = new URL(".", location.href).href.replace(/\/$/, "");
const sandboxed = self.origin === "null";
const LOCAL = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function element(tag: string, properties: Record<string, unknown>, ...children: unknown[]): any {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Light or dark, as the person's system is. */
function follow(): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = (): void => { document.documentElement.classList.toggle("dark-mode", dark.matches); };
  dark.addEventListener("change", show);
  show();
}

function head(): any {
  const { title, version } = spec.info;
  const count = Object.values(spec.paths as object).reduce((sum: number, item) => sum + Object.keys(item as object).length, 0);
  return element("header", { className: "aiwe-head" },
    element("h1", { textContent: title }),
    element("p", {},
      element("span", { textContent: `${count} ${count === 1 ? "route" : "routes"}` }),
      element("span", { textContent: `version ${version}` }),
      element("a", { href: "openapi.json", textContent: "openapi.json" })));
}

/** In a sandbox a page has no origin, and a browser lets it read no answer. */
function notice(): any {
  const own = home !== "" && LOCAL.test(location.hostname);
  return element("p", { className: "aiwe-notice" }, element("span", {},
    "Shown here, this page is in a sandbox, from which a browser may not let it send requests. ",
    ...(own ? [element("a", { href: home, target: "_blank", rel: "noopener", textContent: "Open it at the app's own address" }), " to try the routes; "] : []),
    own ? "the curl commands work anywhere." : "The curl commands work all the same."));
}

/** The document as it is shown: at this address, and with a group for routes that have no tag. */
function shown(): object {
  const untagged = spec.tags === undefined;
  document.documentElement.classList.toggle("aiwe-untagged", untagged);
  if (!untagged) {
    for (const item of Object.values<any>(spec.paths)) for (const operation of Object.values<any>(item)) operation.tags ??= ["Other routes"];
  }
  return { ...spec, servers: [{ url: here }] };
}

follow();
const place = document.getElementById("docs");
place.before(head());
if (sandboxed) place.before(notice());
SwaggerUI({
  spec: shown(),
  domNode: place,
  presets: [SwaggerUI.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  syntaxHighlight: { activated: false },
});
