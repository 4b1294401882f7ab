// Conveniences for the rules editor: numbers that follow the text, and a check while somebody types.
const form = document.querySelector("form.draft");
const source = document.querySelector("#source");
const gutter = document.querySelector(".gutter");
const result = document.querySelector("[data-lint-result]");
const state = document.querySelector("[data-lint-state]");
const WAIT = 400;
let timer = 0;
let asked = null;
let changed = false;

function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/console/static/icons.svg#${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

function place(one) {
  const words = one.column ? `${one.line}:${one.column}` : `${one.line}`;
  if (one.here === false) return make("b", "", `${one.path}:${words}`);
  const link = make("a", "", words);
  link.href = `#L${one.line}`;
  return link;
}

function item(one, words, hint) {
  const bad = one.level !== "warning";
  const text = make("span", "text", place(one), ` ${bad ? "" : "Warning: "}${words} `, make("span", "dim", hint));
  return make("li", bad ? "bad" : "waiting", icon(bad ? "cross" : "warn"), text);
}

function show({ problems, tests, sentence }) {
  const heading = document.querySelector("[data-verdict]");
  if (heading) heading.textContent = sentence;
  const list = make("ol", "problems");
  list.append(...problems.map((one) => item(one, one.text, one.hint)));
  list.append(...tests.failed.map((one) => item(one, `Test of ${one.rule}: ${one.test}`, one.wrong.join(" "))));
  const parts = list.children.length ? [list] : [];
  if (!problems.length) {
    const held = tests.total - tests.failed.length;
    const words = tests.total ? `${held} of ${tests.total} tests hold.` : "The file can be read. It holds no tests.";
    parts.push(make("p", "good told", words));
  }
  result.replaceChildren(...parts);
  for (const line of gutter.querySelectorAll("[class]")) line.removeAttribute("class");
  for (const one of [...problems, ...tests.failed]) {
    if (one.here !== false) document.getElementById(`L${one.line}`)?.setAttribute("class", one.level === "warning" ? "waiting" : "bad");
  }
}

function number() {
  const lines = source.value.split("\n");
  source.rows = lines.length + 1;
  source.cols = Math.min(lines.reduce((most, line) => Math.max(most, line.length), 0) + 2, 1000);
  while (gutter.children.length > lines.length) {
    gutter.lastElementChild.nextSibling?.remove();
    gutter.lastElementChild.remove();
  }
  while (gutter.children.length < lines.length) {
    const next = make("i", "", `${gutter.children.length + 1}`);
    next.id = `L${gutter.children.length + 1}`;
    gutter.append(next, "\n");
  }
}

async function check() {
  asked?.abort();
  asked = new AbortController();
  const body = new URLSearchParams({ token: form.elements.token.value, source: source.value });
  try {
    const answer = await fetch(form.dataset.lint, { method: "POST", body, signal: asked.signal });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
    state.textContent = "";
  } catch (error) {
    if (error.name !== "AbortError") state.textContent = "Not checked while typing; press Check.";
  }
}

source?.addEventListener("input", () => {
  changed = true;
  number();
  state.textContent = "…";
  clearTimeout(timer);
  timer = setTimeout(check, WAIT);
});

// A link to a line also puts the cursor there, so that typing mends it.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#L"]');
  if (!link || !source) return;
  const line = Number(link.hash.slice(2));
  const start = source.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  setTimeout(() => {
    source.focus({ preventScroll: true });
    source.setSelectionRange(start, start);
  });
});

form?.addEventListener("submit", () => (changed = false));
addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
