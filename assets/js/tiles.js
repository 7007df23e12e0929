/* The grid of all samples of a group of runs: a picture each, and a click (or Enter) shows that one in the player. */

import { h, picture } from "./dom.js";

const MOST = 64;

class Tiles {
  constructor(root, host) {
    Object.assign(this, { root, host, group: null, tiles: [] });
    root.addEventListener("click", (event) => this.choose(event.target.closest(".tile")));
    root.addEventListener("keydown", (event) => this.key(event));
  }

  push(text) {
    const message = text ? JSON.parse(text) : null;
    if (!message || message.v !== 1) return;
    const count = Math.min(MOST, Number(message.n) || 0);
    if (message.group !== this.group || count !== this.tiles.length) this.open(message.group, count);
    for (const [place, markup] of Object.entries(message.tiles || {})) this.paint(Number(place), markup);
    for (const [place, title] of Object.entries(message.titles || {})) this.name(Number(place), title);
    this.focus(Number(message.focus) || 0);
  }

  /** Buttons for so many samples; pictures that are there stay until others come. */
  open(group, count) {
    this.group = group;
    this.root.hidden = count < 2;
    if (count === this.tiles.length) return;
    this.tiles = Array.from({ length: count }, (_, place) => {
      const picture = h("span", { class: "tile-picture" });
      const title = h("span", { class: "tile-title" }, `Sample ${place + 1}`);
      const tile = h("button", { type: "button", class: "tile", tabindex: place ? "-1" : "0" }, picture, title);
      return Object.assign(tile, { place, picture, caption: title });
    });
    this.root.replaceChildren(...this.tiles);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "All samples; choose one to see it in the player");
  }

  paint(place, markup) {
    const tile = this.tiles[place];
    if (tile) tile.picture.replaceChildren(picture(markup));
  }

  name(place, title) {
    const tile = this.tiles[place];
    if (tile) tile.caption.textContent = String(title);
  }

  focus(place) {
    this.tiles.forEach((tile, each) => tile.setAttribute("aria-pressed", String(each === place)));
  }

  choose(tile) {
    if (!tile) return;
    this.focus(tile.place);
    this.host.pick(tile.place);
  }

  key(event) {
    const here = this.tiles.indexOf(document.activeElement);
    if (here < 0) return;
    const columns = getComputedStyle(this.root).gridTemplateColumns.split(" ").length;
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = this.tiles[here + (way || 0)];
    if (!way || !next) return;
    event.preventDefault();
    this.tiles[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

export function mount(root, host) {
  const tiles = new Tiles(root, host);
  root.hidden = true;
  tiles.push(host.value());
  host.watch(() => tiles.push(host.value()));
  root.__tiles = tiles;
}

window.ReMDMTiles = { mount };
