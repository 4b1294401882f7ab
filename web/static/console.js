// Conveniences only: every page works without this file.
const find = document.querySelector("#find");
const rows = () => [...document.querySelectorAll("[data-row]")];
const typing = (target) => target.closest("input, select, textarea, [contenteditable]");

function move(step) {
  const all = rows();
  if (!all.length) return;
  const here = all.findIndex((row) => row.hasAttribute("data-here"));
  const next = Math.min(Math.max(here + step, 0), all.length - 1);
  if (here >= 0) all[here].removeAttribute("data-here");
  all[next].setAttribute("data-here", "");
  all[next].querySelector("a")?.focus({ preventScroll: true });
  all[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === find) find.blur();
  if (typing(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    find?.focus();
    find?.select();
  }
  if (event.key === "j") move(1);
  if (event.key === "k") move(-1);
  if (event.key === "Enter" && event.target === document.body) document.querySelector("[data-here] a")?.click();
});

// Without this file the switch is a form that comes back to the same page.
document.querySelector("[data-theme-switch]")?.addEventListener("click", (event) => {
  event.preventDefault();
  const root = document.documentElement;
  const asked = root.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : root.dataset.theme;
  root.dataset.theme = asked === "dark" ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/console; max-age=31536000; samesite=lax`;
});

// Empty fields would only make the address longer for whoever it is sent to.
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("submit", () => {
    for (const input of form.elements) if (input.name && !input.value) input.disabled = true;
  });
}

// The newest decisions as they are written. A stream holds a thread of the service: only on request, and while looked at.
const followed = document.querySelector("[data-live]");
if (followed) {
  const button = document.createElement("button");
  const said = document.createElement("span");
  let stream = null;
  let last = "";
  const show = (words, pressed) => {
    said.textContent = words;
    button.setAttribute("aria-pressed", pressed);
  };
  const stop = (words) => {
    stream?.close();
    stream = null;
    show(words, false);
  };
  const start = () => {
    const address = new URL(followed.dataset.live, location);
    if (last) address.searchParams.set("after", last);
    stream = new EventSource(address);
    show("following", true);
    stream.addEventListener("row", (event) => {
      const holder = document.createElement("template");
      holder.innerHTML = event.data;
      last = event.lastEventId;
      followed.prepend(holder.content);
      while (followed.children.length > 100) followed.lastElementChild.remove();
    });
    stream.addEventListener("error", () => stream?.readyState === EventSource.CLOSED && stop("too many people follow now; try again later"));
  };
  button.type = "button";
  button.textContent = "Follow";
  said.setAttribute("role", "status");
  said.className = "dim";
  button.addEventListener("click", () => (stream ? stop("") : start()));
  document.addEventListener("visibilitychange", () => document.hidden && stream && stop("stopped while this page was hidden"));
  document.querySelector(".heading .actions")?.prepend(button, said);
  show("", false);
}

// A replay that is on its way looks again by itself.
const refresh = Number(document.querySelector("[data-refresh]")?.dataset.refresh);
if (refresh) setTimeout(() => location.reload(), refresh * 1000);

// On a phone the filters would push the list off the screen.
if (matchMedia("(max-width: 48rem)").matches) {
  for (const fold of document.querySelectorAll(".fold:not([data-used])")) fold.open = false;
}
