import assert from "node:assert/strict";
import { test } from "node:test";

import { Inbox } from "../../assets/js/inbox.js";
import { sent } from "./messages.js";

const LENGTH = 2;
const start = (run) => ({ kind: "start", run, n: 3, length: LENGTH, start: [0, 0], mask: 0, domain: "text", words: {} });
const steps = (run) => [0, 1, 2].map((i) => ({ ...sent(i, LENGTH), run }));
/** Some of them as the server sends them. */
const handful = (run, first, last = first) => {
  const list = steps(run).slice(first, last + 1).map((each) => [0, each]);
  return { kind: "steps", id: run, list };
};
const end = (run) => ({ kind: "end", run, n: 3 });

/** An inbox over a board that notes what it is told. */
function inbox(frames) {
  const told = [];
  const board = { told, id: null, lanes: [], ended: false, head: { count: 0 }, off: new AbortController() };
  board.open = (id, panes) => {
    told.push(`open ${id} ${panes.length}`);
    Object.assign(board, { id, ended: false, lanes: panes.map(({ start: first }) => ({ run: first })), head: { count: 0 } });
  };
  board.receive = (list) => {
    told.push(`steps ${list.map(([lane, { i }]) => `${lane}:${i}`).join(" ")}`);
    board.head.count += list.length;
  };
  board.finish = () => {
    if (!board.ended) told.push("end");
    board.ended = true;
  };
  board.recorded = (_, plays) => told.push(plays ? "plays" : "stands");
  board.warn = (words) => words && told.push(words);
  board.blank = (words) => told.push(`blank ${words}`);
  const box = new Inbox(board, frames);
  const push = (message) => box.push(JSON.stringify({ v: 1, ...message }));
  return { board, box, push, told };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

test("a run alone: start, steps and end go to one lane", () => {
  const { push, told } = inbox();
  push(start("a"));
  push(handful("a", 0));
  push(handful("a", 1, 2));
  push(end("a"));
  assert.deepEqual(told, ["open a 1", "steps 0:0", "steps 0:1 0:2", "end"]);
});

test("a start that comes twice, or behind its run's end, begins nothing", () => {
  const { push, told } = inbox();
  push(start("a"));
  push(handful("a", 0));
  push(start("a"));
  push(end("a"));
  push(start("a"));
  assert.deepEqual(told, ["open a 1", "steps 0:0", "end"]);
});

test("steps of a run whose start was lost bring the whole run; late ones of a run that was replaced bring nothing", async () => {
  const asked = [];
  const frames = async (run, from, to) => {
    asked.push([run, from, to]);
    return JSON.stringify([start(run), ...steps(run).slice(0, to + 1)]);
  };
  const { push, told, box } = inbox(frames);
  push(handful("a", 1));
  await pause(0);
  assert.deepEqual(told, ["open a 1", "steps 0:0 0:1"]);
  push(start("b"));
  push(handful("a", 2));
  await pause(0);
  assert.equal(asked.length, 1);
  assert.deepEqual(told.slice(2), ["open b 1"]);
  box.close();
});

test("lanes: only messages of the comparison that is shown count", () => {
  const { push, told } = inbox();
  const panes = ["a", "b"].map((run) => ({ title: run, start: start(run) }));
  push({ kind: "open", id: "c", panes });
  push({ kind: "steps", id: "c", list: [[0, steps("a")[0]], [1, steps("b")[0]]] });
  push({ kind: "steps", id: "d", list: [[0, steps("a")[1]]] });
  push({ kind: "end", id: "c", panes: [{}, {}] });
  assert.deepEqual(told, ["open c 2", "steps 0:0 1:0", "end"]);
});

test("whatever is wrong with a message is one notice", () => {
  const { push, box, told } = inbox();
  box.push("{");
  push({ kind: "nonsense" });
  push({ kind: "trace", messages: [] });
  push({ kind: "blank", words: "Nothing." });
  const left = (why) => `A message could not be read and was left out (${why}).`;
  assert.deepEqual(told, [left("not JSON"), left("of an unknown kind"), left("without a start"), "blank Nothing."]);
});
