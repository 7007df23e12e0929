/* The bar over the page: arrow keys among tabs, the link past them, and Present, large type for a lecture. */

import { put } from "./dom.js";

const TYPING = "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]";
const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
const ON_STAGE = ["e", "E", " ", "ArrowLeft", "ArrowRight", ",", "."]; // keys that the stage answers to while presenting
const visible = (selector) => [...document.querySelectorAll(selector)].find((each) => each.getClientRects().length);

/** A row of tabs is one stop of the Tab key: only the chosen one can be reached by it, the arrows go on from there. */
function rove(tabs = document.querySelectorAll("[role=tab]")) {
  for (const tab of tabs) put(tab, "tabindex", tab.getAttribute("aria-selected") === "true" ? 0 : -1);
}

function moveAmongTabs(event) {
  const tab = event.target.closest("[role=tab]");
  const way = tab && MOVES[event.key];
  if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]:not(:disabled)")];
  const at = all.indexOf(tab) + way;
  const next = Number.isFinite(way) ? all[(at + all.length) % all.length] : all.at(way > 0 ? -1 : 0);
  event.preventDefault();
  next.focus();
  next.click();
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** The part of the chosen tab that a visitor came for: its stage, else the tab itself. */
function stage() {
  return visible(".domains .rp-compare:not([hidden]), .domains .rp") || visible(".domains > [role=tabpanel]");
}

function skip(event) {
  const target = stage();
  event.preventDefault();
  if (!target) return;
  put(target, "tabindex", -1);
  target.focus();
}

function present(on) {
  if (document.body.classList.contains("present") === on) return;
  document.body.classList.toggle("present", on);
  const button = document.querySelector(".present-button");
  if (button) put(button, "aria-pressed", String(on));
  const refused = () => {}; // inside another page a browser may not allow it: the type is large all the same
  if (on && document.documentElement.requestFullscreen) document.documentElement.requestFullscreen().catch(refused);
  else if (!on && document.fullscreenElement) document.exitFullscreen().catch(refused);
  window.scrollTo(0, 0);
  window.dispatchEvent(new Event("resize"));
}

function key(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const presenting = document.body.classList.contains("present");
  if ((event.key === "f" || event.key === "F") && !event.target.closest(TYPING)) {
    event.preventDefault();
    return present(!presenting);
  }
  if (!presenting) return;
  if (event.key === "Escape") return present(false);
  const board = stage();
  if (!board || board.contains(event.target) || !ON_STAGE.includes(event.key) || event.target.closest(TYPING)) return;
  event.preventDefault();
  board.dispatchEvent(new KeyboardEvent("keydown", { key: event.key }));
}

document.addEventListener("keydown", moveAmongTabs);
document.addEventListener("keydown", key);
document.addEventListener("click", (event) => {
  if (event.target.closest(".skip")) skip(event);
  else if (event.target.closest(".present-button")) present(true);
  else if (event.target.closest("[role=tab]")) requestAnimationFrame(() => rove());
});
document.addEventListener("fullscreenchange", () => document.fullscreenElement || present(false));
new MutationObserver((changes) => {
  const tabs = changes.map((each) => each.target).filter((each) => each.matches("[role=tab]"));
  if (tabs.length) rove();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
const first = new MutationObserver(() => {
  if (!document.querySelector(".domains [role=tab]")) return;
  first.disconnect();
  requestAnimationFrame(() => rove());
});
first.observe(document, { subtree: true, childList: true });
