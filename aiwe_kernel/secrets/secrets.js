/**
 * The half of `%secrets` in the browser, and the only one that a value ever passes: out of its field into a request
 * to the engine, by Jupyter's own address. The model, which the kernel sees and notebooks keep, is read and never
 * written, and no message is sent. What comes from outside is put into the page as text, never as markup.
 */

const PATH = "editor/api/secrets";
/** What to do here, where the API's own hint speaks of requests. */
const HINTS = { already_exists: "Choose another name, or open it in the list to change it." };
/** Which field an error is about. */
const FIELDS = [
  ["value", /^(secret_too_short|secret_too_long|invalid_secret|secret_value_needed)$/],
  ["hosts", /^invalid_hosts$/],
  ["id", /^(invalid_secret_id|already_exists)$/],
  ["description", /^invalid_description$/],
];

function render({ model, el }) {
  const root = h("section", { class: "aiwe-secrets", "data-lm-suppress-shortcuts": "true", "aria-label": `Secrets of ${model.get("app")}` });
  el.append(root);
  void open(model, root);
}

async function open(model, root) {
  root.replaceChildren(h("p", { class: "aiwe-secrets-hint" }, "…"));
  try {
    const jupyter = jupyterOf();
    if (jupyter && (await jupyter.ask("GET", "aiwe/api/status")).id === model.get("engine")) {
      await panel(model, root, secretsOf(jupyter, model.get("app")));
    } else {
      root.replaceChildren(...elsewhere(model));
    }
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    if (problem.code === "no_engine") root.replaceChildren(...elsewhere(model));
    else root.replaceChildren(problemBox(problem), ...(problem.code === "not_permitted" ? [] : [again(model, root)]));
  }
}

function again(model, root) {
  return h("div", { class: "aiwe-secrets-foot" }, button("Try again", () => void open(model, root)));
}

/** What this page can only show: the engine is not the one of its Jupyter server, or there is no such server. */
function elsewhere(model) {
  const { where, command } = model.get("terminal");
  const secrets = model.get("secrets");
  return [
    h("p", { class: "aiwe-secrets-note" },
      "This page does not reach the notebook's engine, so secrets are set where it runs. ", where, ":",
      h("pre", {}, command)),
    secrets.length === 0 ? empty(model.get("app")) : table(secrets.map((secret) => line(secret))),
  ];
}

/** ── the panel ── */

async function panel(model, root, engine) {
  const app = model.get("app");
  const environments = model.get("environments");
  const said = h("span", { class: "aiwe-secrets-said", role: "status" });
  const place = h("div", { class: "aiwe-secrets-list" });
  const add = h("div", { class: "aiwe-secrets-add" });
  const adder = button("Add a secret", () => unfoldAdder().focus({ preventScroll: true }));
  const reader = button("↻", () => void reload(), { title: "Read again", "aria-label": "Read again" });
  let unfolded; // key of the secret whose details are shown

  const unfoldAdder = () => {
    adder.hidden = true;
    const form = secretForm({
      app,
      environments,
      save: (fields) => engine.add(fields),
      async saved(kept) {
        fold();
        await reload(`${kept.id} is stored ${forHosts(kept)}.`);
      },
      cancel: () => fold(),
    });
    add.replaceChildren(form);
    return form.elements.id;
  };
  const fold = () => {
    add.replaceChildren();
    adder.hidden = false;
  };

  const reload = async (words = "") => {
    root.toggleAttribute("data-busy", true);
    try {
      draw(await engine.list());
      said.textContent = words;
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      place.replaceChildren(problemBox(problem));
    } finally {
      root.toggleAttribute("data-busy", false);
    }
  };

  const draw = (secrets) => {
    unfolded = undefined;
    root.toggleAttribute("data-empty", secrets.length === 0);
    if (secrets.length === 0) {
      place.replaceChildren(empty(app));
      return;
    }
    place.replaceChildren(table(secrets.map((secret) => {
      const key = keyOf(secret);
      const fold = h("button", { type: "button", class: "aiwe-secrets-fold", "aria-expanded": "false" }, secret.id);
      const row = line(secret, fold);
      const toggle = () => {
        const was = unfolded;
        place.querySelector(".aiwe-secrets-whole")?.remove();
        place.querySelector("[aria-expanded=true]")?.setAttribute("aria-expanded", "false");
        unfolded = undefined;
        if (was === key) return;
        unfolded = key;
        fold.setAttribute("aria-expanded", "true");
        row.after(h("tr", { class: "aiwe-secrets-whole" }, h("td", { colspan: "5" }, details(secret, engine, async (words) => {
          unfolded = undefined;
          await reload(words);
        }))));
      };
      row.addEventListener("click", (event) => {
        if (event.target.closest("button") === fold || (!event.target.closest("button") && String(getSelection()) === "")) toggle();
      });
      return row;
    })));
  };

  draw(await engine.list());
  root.replaceChildren(
    h("div", { class: "aiwe-secrets-head" }, h("b", {}, `Secrets of ${app}`), said, adder, reader),
    add, place,
  );
  if (place.querySelector("table") === null) unfoldAdder();
}

function empty(app) {
  return h("p", { class: "aiwe-secrets-hint" },
    `There are no secrets that ${app} could use. A secret is a key of another service: programs send it by `,
    h("code", {}, 'Secrets.get("name")'), " and never see its value.");
}

function table(rows) {
  const heads = ["Secret", "Where it may go", "Also in", "For", "Last used"];
  return h("table", {},
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...rows));
}

function line(secret, name = h("span", { class: "aiwe-secrets-id" }, secret.id)) {
  return h("tr", { class: "aiwe-secrets-row" },
    h("td", {}, name, secret.description ? h("div", { class: "aiwe-secrets-small" }, secret.description) : ""),
    h("td", {}, hostsOf(secret)),
    h("td", {}, secret.in.join(", ") || "–"),
    h("td", {}, scopeOf(secret)),
    h("td", { title: secret.lastUsed ? moment(secret.lastUsed) : null }, secret.lastUsed ? ago(secret.lastUsed) : "never"));
}

function hostsOf(secret) {
  if (secret.problem) return h("span", { class: "aiwe-secrets-wrong", title: secret.problem.message }, "cannot be opened");
  if (secret.hosts.length === 0) return h("span", { class: "aiwe-secrets-warn" }, "nowhere");
  return h("span", { class: "aiwe-secrets-hosts" }, ...secret.hosts.map((host) => h("code", {}, host)));
}

/** ── one secret ── */

function details(secret, engine, done) {
  const since = secret.createdAt ? ` since ${moment(secret.createdAt)}` : "";
  const by = secret.createdBy ? `, first stored by ${secret.createdBy}` : "";
  const kept = secret.configured
    ? `Its value, and all that is said of it, stands in the configuration: ${secret.configured}. It is changed there.`
    : `Kept in the vault${since}${by}; version ${secret.version}.`;
  const facts = h("p", { class: "aiwe-secrets-small" }, kept);
  const uses = h("div", { class: "aiwe-secrets-uses" }, h("p", { class: "aiwe-secrets-small" }, "…"));
  void engine.usage(secret).then((found) => uses.replaceChildren(...usage(found)), (problem) => uses.replaceChildren(problemBox(problem)));
  const side = h("div", { class: "aiwe-secrets-side" }, facts, uses);
  if (secret.problem) side.prepend(problemBox(new Refusal(secret.problem)));
  if (secret.configured) return h("div", { class: "aiwe-secrets-details" }, side);
  const form = secretForm({
    secret,
    save: (fields) => engine.change(secret, fields),
    async saved(kept, fields) {
      const what = "value" in fields ? "has a new value" : "is changed";
      await done(`${kept.id} ${what}, ${forHosts(kept)}.`);
    },
    async remove() {
      await engine.remove(secret);
      await done(`${secret.id} is deleted.`);
    },
  });
  return h("div", { class: "aiwe-secrets-details" }, form, side);
}

function usage({ count, outcomes, uses }) {
  if (count === 0) return [h("p", { class: "aiwe-secrets-small" }, "Not used yet.")];
  const parts = Object.entries(outcomes).filter(([, times]) => times > 0).map(([outcome, times]) => `${times.toLocaleString("en")} ${outcome}`);
  return [
    h("p", { class: "aiwe-secrets-small" }, `Used: ${parts.join(", ")}. The latest:`),
    h("table", {}, h("tbody", {}, ...uses.map((use) => h("tr", { "data-outcome": use.outcome },
      h("td", { title: moment(use.time) }, ago(use.time)),
      h("td", {}, use.outcome),
      h("td", {}, use.host ? `${use.how} → ${use.host}` : use.how),
      h("td", {}, [use.app, use.env].filter(Boolean).join(", ")))))),
  ];
}

/** The fields of a secret: of a new one, or of one that there is. */
function secretForm({ secret, app, environments, save, saved, remove, cancel }) {
  const value = valueField(secret ? "unchanged" : "");
  const hosts = text("hosts", { value: secret?.hosts.join(", ") ?? "", placeholder: "api.example.com" });
  const meaning = h("span", {}, "");
  const explain = () => {
    meaning.textContent = hosts.value.trim() ? "Only these get the value." : "Empty: sent nowhere; Secrets.hmac and Secrets.matches work.";
    meaning.toggleAttribute("data-warn", !hosts.value.trim());
  };
  hosts.addEventListener("input", explain);
  explain();
  const url = checkbox("url", secret?.in.includes("url"));
  const body = checkbox("body", secret?.in.includes("body"));
  const description = text("description", { value: secret?.description ?? "" });
  const problem = h("div", {});
  const submit = h("button", { type: "submit", class: "aiwe-secrets-button aiwe-secrets-main" }, secret ? "Save changes" : "Store");
  const buttons = h("div", { class: "aiwe-secrets-buttons" }, submit);
  if (cancel) buttons.append(button("Cancel", cancel));
  if (remove) buttons.append(remover(secret.id, remove, problem));

  const form = h("form", { class: "aiwe-secrets-form", autocomplete: "off", novalidate: "" });
  if (!secret) form.append(...field("Name", text("id", { placeholder: "weather_api_key", class: "aiwe-secrets-code" }), "As programs call it: ", h("code", {}, 'Secrets.get("weather_api_key")')));
  form.append(...field(secret ? "New value" : "Value", value.box, value.note));
  form.append(...field("Hosts", hosts, "api.example.com, *.example.com, localhost:8025. ", meaning));
  form.append(...field("Also in", h("span", { class: "aiwe-secrets-checks" }, h("label", {}, url, " URL"), h("label", {}, body, " body")), "A header may always carry it."));
  const apps = select("app", [[app, `only ${app}`], ["", "every app"]]);
  const envs = select("env", [["", "every environment"], ...(environments ?? []).map((env) => [env, `only ${env}`])]);
  if (!secret) form.append(...field("For", h("span", { class: "aiwe-secrets-checks" }, apps, envs)));
  form.append(...field("Description", description));
  form.append(problem, buttons);

  const fields = () => {
    const all = { hosts: listed(hosts.value), in: [url, body].filter((box) => box.checked).map((box) => box.name), description: description.value };
    if (!secret) return { id: form.elements.id.value.trim(), value: value.read(), app: apps.value || undefined, env: envs.value || undefined, ...all };
    const before = { hosts: secret.hosts, in: secret.in, description: secret.description };
    const changed = Object.fromEntries(Object.entries(all).filter(([name, now]) => String(now) !== String(before[name])));
    return value.read() ? { value: value.read(), ...changed } : changed;
  };
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input:not([type=checkbox])")) return;
    event.preventDefault();
    form.requestSubmit(); // whatever is held with it, and although the notebook keeps the key from the page
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const sent = fields();
    if (Object.keys(sent).length === 0) {
      problem.replaceChildren(problemBox(new Refusal({ message: "Nothing is changed.", hint: "Type a new value, or change another field." })));
      return;
    }
    void attempt(form, problem, async () => {
      const kept = await save(sent);
      value.empty();
      await saved(kept, sent);
    });
  });
  return form;
}

/** Does it once, whatever is clicked meanwhile, and says in place what is wrong. */
async function attempt(form, place, work) {
  if (form.hasAttribute("data-busy")) return;
  form.toggleAttribute("data-busy", true);
  form.querySelectorAll("[aria-invalid]").forEach((input) => input.removeAttribute("aria-invalid"));
  place.replaceChildren();
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    place.replaceChildren(problemBox(problem));
    const name = FIELDS.find(([, codes]) => codes.test(problem.code))?.[0];
    const wrong = [...form.elements].find((input) => input.name === name);
    wrong?.setAttribute("aria-invalid", "true");
    wrong?.focus({ preventScroll: true });
  } finally {
    form.toggleAttribute("data-busy", false);
  }
}

/** Asks once more before it deletes. */
function remover(id, remove, problem) {
  const place = h("span", { class: "aiwe-secrets-remover" });
  const ask = button("Delete…", () => place.replaceChildren(h("span", {}, `Programs that use ${id} fail from then on.`), sure, keep));
  const sure = button("Delete", () => void attempt(place.closest("form"), problem, remove), { class: "aiwe-secrets-button aiwe-secrets-danger" });
  const keep = button("Keep", () => place.replaceChildren(ask));
  place.append(ask);
  return place;
}

/** A field whose text nobody reads over one's shoulder. What is pasted in several lines, as a PEM file, keeps them. */
function valueField(placeholder) {
  const attributes = { name: "value", autocomplete: "new-password", spellcheck: "false", autocapitalize: "off", placeholder, class: "aiwe-secrets-value" };
  const short = h("input", { type: "password", ...attributes });
  const long = h("textarea", { rows: "5", ...attributes });
  const note = h("span", {}, "");
  let now = short;
  const show = button("Show", () => {
    const shown = short.type === "password";
    short.type = shown ? "text" : "password";
    long.toggleAttribute("data-shown", shown);
    show.textContent = shown ? "Hide" : "Show";
  });
  const read = () => (now === short ? short.value : long.value.replace(/\r?\n$/, ""));
  const count = () => {
    const size = new TextEncoder().encode(read()).length;
    const lines = now === long ? ` in ${read().split("\n").length} lines` : "";
    note.textContent = size ? `${size.toLocaleString("en")} bytes${lines}. Nobody can read it again.` : "It goes from this page to the engine alone, and nobody can read it again.";
  };
  const use = (next) => {
    if (next === now) return;
    next.id = now.id;
    next.setAttribute("aria-describedby", now.getAttribute("aria-describedby"));
    now.replaceWith(next);
    now.value = "";
    now = next;
    next.focus({ preventScroll: true });
  };
  short.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    if (!pasted.trimEnd().includes("\n")) return;
    event.preventDefault();
    long.value = short.value.slice(0, short.selectionStart) + pasted + short.value.slice(short.selectionEnd);
    use(long);
    count();
  });
  short.addEventListener("input", count);
  long.addEventListener("input", () => {
    if (!long.value) use(short);
    count();
  });
  const empty = () => {
    short.value = long.value = "";
    count();
  };
  count();
  return { box: h("span", { class: "aiwe-secrets-checks" }, short, show), note, read, empty };
}

/** ── the engine ── */

/** The secrets of an app, by the engine's API. */
function secretsOf({ ask }, app) {
  const place = (secret, more = "") => {
    const query = new URLSearchParams();
    if (secret.app) query.set("app", secret.app);
    if (secret.env) query.set("env", secret.env);
    return `${PATH}/${encodeURIComponent(secret.id)}${more}?${query}`;
  };
  return {
    list: async () => (await ask("GET", `${PATH}?${new URLSearchParams({ app })}`)).secrets,
    add: (fields) => ask("POST", PATH, fields),
    change: (secret, fields) => ask("PUT", place(secret), fields),
    remove: (secret) => ask("DELETE", place(secret)),
    usage: (secret) => ask("GET", place(secret, "/usage")),
  };
}

/** What was refused, in the engine's error shape. */
class Refusal extends Error {
  constructor({ code = "", message, hint = "" }) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** The Jupyter server of this page, asked as JupyterLab asks it; undefined where the page has none of its own origin. */
function jupyterOf() {
  let settings = {};
  try {
    settings = JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}");
  } catch {
    return undefined;
  }
  if (!settings.baseUrl) return undefined;
  const base = new URL(settings.baseUrl.replace(/\/*$/, "/"), location.href);
  if (base.origin !== location.origin) return undefined; // a value goes to no other one
  const ask = async (method, path, body) => {
    const headers = { Accept: "application/json" };
    const xsrf = /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1];
    if (settings.token) headers.Authorization = `token ${settings.token}`;
    if (xsrf) headers["X-XSRFToken"] = xsrf;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(new URL(path, base), { method, headers, body: JSON.stringify(body), cache: "no-store", credentials: "same-origin", redirect: "error" });
    } catch {
      throw new Refusal({ code: "unreachable", message: "The Jupyter server does not answer.", hint: "See that it runs and that you are logged in, then reload this page." });
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    if (answer.error) throw new Refusal({ ...answer.error, ...(HINTS[answer.error.code] && { hint: HINTS[answer.error.code] }) });
    if (response.status === 404) throw new Refusal({ code: "no_engine", message: "This Jupyter server has no aiwe extension." });
    throw new Refusal({
      message: answer.message ?? `${response.status} ${response.statusText}`,
      hint: response.status === 403 ? "Log in to Jupyter again and reload this page." : "",
    });
  };
  return { ask };
}

/** ── words ── */

const keyOf = ({ id, app, env }) => JSON.stringify([id, app, env]);
const scopeOf = ({ app, env }) => [app ?? "every app", env].filter(Boolean).join(", ");
const forHosts = ({ hosts }) => (hosts.length ? `for ${hosts.join(", ")}` : "and sent nowhere: it names no hosts");
const listed = (line) => line.split(/[\s,]+/).filter(Boolean);
const moment = (when) => new Date(when).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");

function ago(when) {
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  let passed = (new Date(when) - Date.now()) / 1000;
  for (const [unit, size] of [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]]) {
    if (Math.abs(passed) < size) return unit === "second" && passed > -10 ? "just now" : words.format(Math.round(passed), unit);
    passed /= size;
  }
  return moment(when);
}

function problemBox({ message, hint }) {
  return h("div", { class: "aiwe-secrets-problem", role: "alert" }, h("b", {}, message), hint ? h("span", {}, hint) : "");
}

/** ── elements ── */

let last = 0;

/** A control with its name before it and what it means below it. */
function field(name, control, ...meaning) {
  const input = control.matches("input, textarea, select") ? control : control.querySelector("input, textarea, select");
  input.id ||= `aiwe-secrets-${++last}`;
  const words = meaning.length ? h("div", { class: "aiwe-secrets-small", id: `${input.id}-meaning` }, ...meaning) : "";
  if (words) input.setAttribute("aria-describedby", words.id);
  return [h("label", { for: input.id }, name), h("div", {}, control, words)];
}

function text(name, attributes) {
  return h("input", { type: "text", name, autocomplete: "off", spellcheck: "false", autocapitalize: "off", ...attributes });
}

function checkbox(name, checked) {
  return h("input", { type: "checkbox", name, checked: checked ? "" : null });
}

function select(name, options) {
  return h("select", { name, "aria-label": { app: "App", env: "Environment" }[name] }, ...options.map(([value, words]) => h("option", { value }, words)));
}

function button(words, onclick, attributes = {}) {
  return h("button", { type: "button", class: "aiwe-secrets-button", onclick, ...attributes }, words);
}

/** An element. Strings among its children are text. */
function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export default { render };
