// What the desk's pages do by themselves. Without it they work the same, and have to be loaded again.
"use strict";

(() => {
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function away(time) {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const size = Math.abs(seconds);
    if (size < 5) return "now";
    const [unit, length] = UNITS.find(([, length]) => size >= length);
    const count = `${Math.floor(size / length)} ${unit}`;
    return seconds > 0 ? `in ${count}` : `${count} ago`;
  }

  function tick() {
    for (const time of document.querySelectorAll("time[data-away]")) {
      const text = away(time);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  function busy(section) {
    const fields = [...section.querySelectorAll("input:not([type=hidden]), textarea, select")];
    const touched = fields.some((each) => each.matches("select")
      ? [...each.options].some((option) => option.selected !== option.defaultSelected && each.selectedIndex > 0)
      : each.type === "checkbox" ? each.checked !== each.defaultChecked : each.value !== each.defaultValue);
    return touched || section.contains(document.activeElement) || section.querySelector("[data-sent]") !== null;
  }

  // An order's page changes while somebody reads it, but never what they are writing.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const old = event.detail.target;
    if (old.id === "actions" && busy(old)) {
      event.detail.shouldSwap = false;
      const offers = event.detail.fragment.querySelector("#actions")?.dataset.offer;
      if (offers !== undefined && offers !== old.dataset.offer) changed(old);
    } else if (old.id === "actions") {
      for (const each of old.querySelectorAll("details[open]")) {
        event.detail.fragment.querySelector(`#${each.id}`)?.setAttribute("open", "");
      }
    } else if (old.id === "contents" && old.querySelector("details[open]")) {
      event.detail.fragment.querySelector("#contents details")?.setAttribute("open", "");
    }
  });

  // Nor does a queue, while somebody is at one of its forms.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const old = event.detail.target;
    if (!old.matches?.(".queue")) return;
    if (busy(old) || old.querySelector("details[open]")) event.detail.shouldSwap = false;
  });

  function changed(section) {
    if (section.querySelector("[data-changed]")) return;
    const said = document.createElement("p");
    said.className = "notice warn";
    said.setAttribute("role", "status");
    said.dataset.changed = "";
    said.textContent = "The order has moved on meanwhile: other things can be done now. ";
    const link = document.createElement("a");
    link.href = location.pathname;
    link.textContent = "Load the page again";
    said.append(link);
    section.querySelector("h2").after(said);
  }

  function say(text, dot) {
    const place = document.getElementById("live-state");
    if (!place) return;
    place.textContent = text;
    if (dot) {
      const mark = document.createElement("span");
      mark.className = "live-dot";
      place.prepend(mark);
    }
  }

  let state = ["", false];

  function watch(live) {
    const refresh = () => htmx.trigger(live, "news");
    const source = new EventSource(live.dataset.stream);
    const set = (...now) => { state = now; say(...state); };
    source.addEventListener("open", () => set("Live.", true));
    source.addEventListener("error", () => set("Not live at the moment.", false));
    source.addEventListener("news", refresh);
    source.addEventListener("end", () => { source.close(); set("", false); });
    addEventListener("pagehide", () => source.close());
    // What is being tried, and when again, is not in the shop's rows: it is asked for while somebody looks.
    let turn = 0;
    setInterval(() => {
      const now = document.getElementById("now");
      turn += 1;
      if (document.hidden || !("waits" in now.dataset)) return;
      if ("retry" in now.dataset || turn % 4 === 0) refresh();
    }, 5000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
    document.addEventListener("htmx:oobAfterSwap", () => { say(...state); tick(); });
  }

  // Pressed twice is sent once; the form's key sees to the rest.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; });
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // As in many tools: a stroke leads to the search.
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input, textarea, select");
    if (event.key === "/" && !field && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.getElementById("q") ?? document.getElementById("jump");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });

  document.addEventListener("htmx:afterSwap", tick);
  setInterval(tick, 1000);
  document.addEventListener("DOMContentLoaded", () => {
    const live = document.querySelector("[data-stream]");
    if (live) watch(live);
    document.querySelector("[data-focus]")?.focus();
    if (/[?&](done|later|asked)=/.test(location.search)) history.replaceState(null, "", location.pathname);
  });
})();
