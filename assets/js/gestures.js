/* What a visitor does on a stage: clicks, keys, the pointer over tokens and maps. */

import { save } from "./rescue.js";

/** Lets a board answer to them until `signal` is aborted. */
export function listen(board, signal) {
  const { root, bar, lanes } = board;
  const on = (target, what, act) => target.addEventListener(what, act, { signal });
  const point = (event) => event.target.rpPosition !== undefined && board.light(event.target.rpPosition);
  on(root, "click", (event) => click(board, event));
  on(root, "change", (event) => change(board, event.target));
  on(bar.slider, "input", () => board.head.go(Number(bar.slider.value)));
  on(root, "keydown", (event) => key(board, event));
  on(root, "pointerover", point);
  on(root, "focusin", point);
  for (const box of [board.apart.box, board.table.box]) on(box, "toggle", () => board.later());
  for (const lane of lanes) {
    const { canvas } = lane.map;
    on(canvas, "pointermove", (event) => board.light(lane.map.hit(event).position, lane, lane.map.hit(event)));
    on(canvas, "pointerleave", () => board.light());
    on(lane.stage.box, "pointerleave", () => board.light());
  }
}

const CONTROLS = "[data-do],[data-seek],[data-pick],[data-lane],[data-event],[data-lanes],[data-undo],[data-rescue]";

function click(board, event) {
  const { target } = event;
  const { head, popover, chosen } = board;
  const asked = popover.box.contains(target) && popover.act(target);
  if (asked) return board.ask(asked);
  const lane = board.lanes.find((each) => each.box.contains(target));
  if (lane && target.rpPosition !== undefined) return board.choose(lane, target.rpPosition);
  if (lane && target === lane.map.canvas) {
    const { step, position } = lane.map.hit(event);
    head.go(head.reach(lane, step));
    return board.choose(lane, position);
  }
  if (target === board.apart.canvas) return head.go(board.apart.hit(event));
  const control = target.closest(CONTROLS);
  if (!control) return void (popover.box.contains(target) || target.closest("select") || board.choose(null, -1));
  const { do: act, seek, pick, lane: place, event: born, lanes, undo, rescue } = control.dataset;
  if (act) move(board, act);
  else if (seek && chosen) head.go(head.reach(chosen.lane, Number(seek)));
  else if (pick) board.choose(chosen && chosen.lane, Number(pick));
  else if (born) board.recall(born);
  else if (lanes) board.ask({ kind: "lanes", lanes: Number(lanes) });
  else if (undo !== undefined) board.ask({ kind: "undo" });
  else if (rescue !== undefined) save(board.lanes.map(({ run }) => run));
  else if (control.matches("button[data-lane]")) board.showLane(place);
}

function move({ head, bar }, name) {
  const moves = {
    first: () => head.go(0),
    previous: () => head.go(head.k - 1),
    next: () => head.go(head.k + 1),
    last: () => head.go(head.count),
    play: () => head.toggle(),
    live: () => head.live(),
    keys: () => bar.help(bar.hints.hidden),
  };
  moves[name]();
}

function change(board, target) {
  const lane = board.lanes.find((each) => each.sampler === target);
  if (target === board.bar.axis) board.head.measure(target.value);
  else if (target === board.bar.drafts) board.root.classList.toggle("ln-no-drafts", !target.checked);
  else if (lane) board.ask({ kind: "sampler", lane: lane.place, sampler: target.value });
}

function key(board, event) {
  const { target, key: name } = event;
  const { head } = board;
  if (target.matches("select, textarea, input:not([type=range])") || event.ctrlKey || event.metaKey) return;
  const way = { ",": -1, ".": 1, ArrowLeft: -1, ArrowRight: 1 }[name];
  const lane = target.rpPosition === undefined ? null : board.lanes.find((each) => each.stage.chips.includes(target));
  const to = lane && !event.altKey ? lane.stage.beside(target.rpPosition, name) : null;
  if (to !== null) lane.stage.rove(to);
  else if (name === "Enter" && lane) board.choose(lane, target.rpPosition);
  else if (name === "Escape") escape(board);
  else if (name === "e" || name === "E") head.next();
  else if (name === "Home") head.go(0);
  else if (name === "End") head.go(head.count);
  else if (name === " " && !target.closest("button, summary")) head.toggle();
  else if (way) head.go(head.k + way);
  else return;
  event.preventDefault();
}

function escape(board) {
  if (!board.bar.hints.hidden) board.bar.help(false);
  else board.choose(null, -1);
}
