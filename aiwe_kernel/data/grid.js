/**
 * The half of `%data` in the browser. It shows what the kernel says and tells it what a person does;
 * every value of a document arrives as text and is put into the page as text, never as markup.
 */

const PATIENCE = 20_000; // milliseconds
const SILENCE = {
  message: "The kernel does not answer.",
  hint: "It may be busy, or was restarted since: run the cell again.",
};
const PLACEHOLDER = '{ status: "open", price: { $gt: 5 } }   or   SELECT … FROM …';

function render({ model, el }) {
  const conversation = converse(model);
  const browser = h("div", { class: "aiwe-data", "data-lm-suppress-shortcuts": "true" });
  const collections = collectionList(model, conversation);
  const line = questionLine(model, conversation);
  const rules = declared(model);
  const problem = problemBox(model, conversation);
  const grid = documentGrid(model, conversation);
  const foot = pager(model, conversation);
  const main = h("div", { class: "aiwe-data-main" }, line, rules, problem, grid, foot);
  browser.append(collections, main);
  el.append(browser);
  conversation.onBusy((busy) => browser.toggleAttribute("data-busy", busy));
  return () => conversation.close();
}

/** Messages to the kernel, numbered, so that it is known when all are answered, and when none is. */
function converse(model) {
  const waiting = new Set();
  const listeners = [];
  const hearers = [];
  let last = 0;
  let timer;
  const tell = (silent = false) => listeners.forEach((listener) => listener(waiting.size > 0, silent));
  const wait = () => {
    clearTimeout(timer);
    if (waiting.size > 0) timer = setTimeout(giveUp, PATIENCE);
  };
  const giveUp = () => {
    waiting.clear();
    tell(true);
  };
  const hear = (message) => {
    if (!("done" in message)) hearers.forEach((hearer) => hearer(message));
    else if (waiting.delete(message.done)) {
      wait();
      tell();
    }
  };
  model.on("msg:custom", hear);
  return {
    say(message) {
      last += 1;
      waiting.add(last);
      model.send({ ...message, n: last });
      wait();
      tell();
    },
    onBusy: (listener) => listeners.push(listener),
    onMessage: (hearer) => hearers.push(hearer),
    close() {
      clearTimeout(timer);
      model.off("msg:custom", hear);
    },
  };
}

function collectionList(model, { say }) {
  const list = h("nav", { class: "aiwe-data-collections", "aria-label": `Collections of ${model.get("app")}` });
  const draw = () => {
    const shown = ofDocuments(model.get("view"));
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
    list.replaceChildren(
      ...model.get("collections").map(({ name, documents, latest }) =>
        h("button", {
          type: "button",
          class: "aiwe-data-collection",
          "data-name": name,
          "aria-current": name === shown ? "true" : null,
          title: latest ? `last written ${moment(latest)}` : "empty",
          onclick: () => say({ do: "open", collection: name }),
        }, h("span", {}, name), h("span", { class: "aiwe-data-count" }, number(documents)))),
    );
    if (model.get("collections").length === 0) list.append(h("p", { class: "aiwe-data-hint" }, "No collections yet"));
    if (focused !== undefined) [...list.children].find((child) => child.dataset.name === focused)?.focus();
  };
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...list.querySelectorAll("button")];
    buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length)?.focus();
  });
  watch(model, ["collections", "view"], draw);
  return list;
}

function questionLine(model, { say }) {
  const input = h("input", {
    type: "text",
    class: "aiwe-data-line",
    placeholder: PLACEHOLDER,
    "aria-label": "Filter or SELECT",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
  });
  const refresh = h("button", { type: "button", class: "aiwe-data-button", title: "Read again", onclick: () => say({ do: "refresh" }) }, "↻");
  const run = h("button", { type: "submit", class: "aiwe-data-button" }, "Run");
  const form = h("form", {
    class: "aiwe-data-question",
    onsubmit(event) {
      event.preventDefault();
      asked.add(input.value);
      say({ do: "ask", line: input.value });
    },
  }, input, run, refresh);
  const asked = history();
  input.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) input.value = asked.go(step, input.value);
    if (event.key === "Enter") form.requestSubmit(); // whatever is held with it
    if (step || event.key === "Enter") event.preventDefault();
  });
  watch(model, ["view"], () => {
    const { line } = model.get("view");
    if (line !== undefined) input.value = line;
  });
  watch(model, ["collections"], () => {
    form.hidden = model.get("collections").length === 0;
  });
  watch(model, ["stale"], () => {
    refresh.toggleAttribute("data-stale", model.get("stale"));
    refresh.title = model.get("stale") ? "Something was written since: read again" : "Read again";
  });
  return form;
}

/** Lines that were asked before, as a terminal has them. */
function history() {
  const lines = [];
  let place = 0;
  let typed = "";
  return {
    add(line) {
      if (line !== lines.at(-1)) lines.push(line);
      place = lines.length;
    },
    go(step, line) {
      if (place === lines.length) typed = line;
      place = Math.min(Math.max(place + step, 0), lines.length);
      return place === lines.length ? typed : lines[place];
    },
  };
}

/** What is declared of the collection: in a line, and all of it when that is unfolded. */
function declared(model) {
  const short = h("summary", {});
  const text = h("pre", {});
  const box = h("details", { class: "aiwe-data-rules" }, short, text);
  watch(model, ["view", "collections"], () => {
    const shown = ofDocuments(model.get("view"));
    const rules = model.get("collections").find(({ name }) => name === shown)?.rules ?? {};
    box.hidden = !rules.text;
    short.textContent = `Declared: ${rules.short}`;
    text.textContent = rules.text ?? "";
  });
  return box;
}

function problemBox(model, { onBusy }) {
  const box = h("div", { class: "aiwe-data-problem", role: "alert" });
  const show = ({ message, hint }) => {
    box.replaceChildren();
    box.hidden = !message;
    if (message) box.append(h("b", {}, message));
    if (hint) box.append(h("span", {}, hint));
  };
  onBusy((_busy, silent) => show(silent ? SILENCE : model.get("error")));
  watch(model, ["error"], () => show(model.get("error")));
  return box;
}

function documentGrid(model, { say, onMessage }) {
  const frame = h("div", { class: "aiwe-data-frame", tabindex: "0", role: "region", "aria-label": "Documents" });
  const watcher = new ResizeObserver(() => frame.style.setProperty("--aiwe-data-width", `${frame.clientWidth}px`));
  watcher.observe(frame);
  const open = new Map(); // number of a row that is unfolded → where its text goes
  onMessage(({ row, text }) => {
    if (open.has(row)) open.get(row).textContent = text;
  });

  const toggle = (row, number, columns) => {
    const button = row.querySelector("button");
    if (open.delete(number)) {
      row.nextElementSibling.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const text = h("pre", { class: "aiwe-data-text", tabindex: "0" }, "…");
    const copy = h("button", {
      type: "button",
      class: "aiwe-data-button aiwe-data-copy",
      async onclick() {
        getSelection().selectAllChildren(text); // at least, where a page may not copy
        await navigator.clipboard?.writeText(text.textContent);
        copy.textContent = navigator.clipboard ? "Copied" : "Selected";
      },
    }, "Copy");
    open.set(number, text);
    row.after(h("tr", { class: "aiwe-data-whole" }, h("td", { colspan: String(columns) }, h("div", {}, copy, text))));
    button.setAttribute("aria-expanded", "true");
    say({ do: "unfold", row: number });
  };

  const draw = () => {
    const view = model.get("view");
    open.clear();
    frame.scrollTop = 0;
    if (!view.rows) {
      frame.replaceChildren(beginning(model));
      return;
    }
    if (view.rows.length === 0) {
      const words = view.ids === null ? "Nothing was found." : view.line ? "No document is like that." : "This collection is empty.";
      frame.replaceChildren(h("p", { class: "aiwe-data-hint" }, words));
      return;
    }
    const dots = view.ids === null; // of documents, a dot in a name would mean a path
    const head = h("tr", {}, ...view.columns.map((name, column) => {
      const kind = view.rows.map((cells) => cells[column].kind).find((one) => one !== "null" && one !== "missing");
      return heading(name, kind, dots || !/^$|\./.test(name), view.sort, say);
    }));
    const rows = view.rows.map((cells, place) => {
      const row = h("tr", {
        class: "aiwe-data-row",
        onclick: () => {
          if (String(getSelection()) === "") toggle(row, place, view.columns.length);
        },
      }, ...cells.map((cell, column) => field(cell, column === 0)));
      return row;
    });
    frame.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)));
  };
  watch(model, ["view"], draw);
  watch(model, ["collections"], () => {
    if (!model.get("view").rows) draw();
  });
  return frame;
}

/** What to do where nothing is shown yet. */
function beginning(model) {
  if (model.get("collections").length > 0) return h("p", { class: "aiwe-data-hint" }, "Choose a collection.");
  return h("div", { class: "aiwe-data-hint" },
    h("p", {}, "There is no data yet. A collection is there as soon as a document is; run a cell such as"),
    h("pre", {}, 'await DataRepository.create("tasks", { title: "Write" });'));
}

/** A column's head. A click sorts by it: up, down, not at all. */
function heading(name, kind, sorts, [by, direction], say) {
  if (!sorts) return h("th", { scope: "col", class: "aiwe-data-plain", "data-kind": kind }, name);
  const now = by === name ? direction : 0;
  const next = { 0: 1, 1: -1, [-1]: 0 }[now];
  const words = { 0: "none", 1: "ascending", [-1]: "descending" };
  const arrow = h("span", { class: "aiwe-data-arrow", "aria-hidden": "true" }, { 0: "", 1: "▲", [-1]: "▼" }[now]);
  return h("th", { scope: "col", "aria-sort": words[now], "data-kind": kind },
    h("button", { type: "button", title: `Sort by ${name}`, onclick: () => say({ do: "sort", by: name, direction: next }) }, name, arrow));
}

function field({ text, kind, more }, first) {
  const shown = more ? `${text}…` : text;
  if (!first) return h("td", { "data-kind": kind, title: shown || null }, shown);
  const fold = { type: "button", class: "aiwe-data-fold", "aria-expanded": "false", "aria-label": `Unfold ${shown}` };
  return h("td", { title: shown }, h("button", fold, abridged(text)));
}

function pager(model, { say }) {
  const previous = h("button", { type: "button", class: "aiwe-data-button", onclick: () => say({ do: "turn", forward: false }) }, "‹ Previous");
  const next = h("button", { type: "button", class: "aiwe-data-button", onclick: () => say({ do: "turn", forward: true }) }, "Next ›");
  const words = h("span", { class: "aiwe-data-words", role: "status" });
  const size = h("select", { "aria-label": "Rows on a page", onchange: () => say({ do: "size", size: Number(size.value) }) },
    ...model.get("sizes").map((count) => h("option", { value: String(count) }, `${count} a page`)));
  const foot = h("div", { class: "aiwe-data-foot" }, words, size, previous, next);
  watch(model, ["view"], () => {
    const view = model.get("view");
    foot.hidden = !view.rows;
    if (foot.hidden) return;
    const last = view.start + view.rows.length;
    const place = view.rows.length ? `${number(view.start + 1)}–${number(last)} of ${number(view.total)}` : "0";
    words.textContent = `${place} · ${view.milliseconds} ms`;
    previous.disabled = !view.previous;
    next.disabled = !view.next;
    size.value = String(view.size);
  });
  return foot;
}

/** A long id without its middle: ids that were made one after another differ at their ends. */
function abridged(id) {
  return id.length > 24 ? `${id.slice(0, 8)}…${id.slice(-12)}` : id;
}

/** The collection whose documents are shown; undefined where it is what a SELECT has found. */
function ofDocuments({ collection, ids }) {
  return ids ? collection : undefined;
}

/** Draws now, and whenever one of these changes. */
function watch(model, names, draw) {
  for (const name of names) model.on(`change:${name}`, draw);
  draw();
}

function number(value) {
  return value.toLocaleString("en");
}

function moment(text) {
  return text.replace("T", " ").replace(/\.\d+Z$/, " UTC");
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
