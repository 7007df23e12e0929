import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed, whole } from "../../assets/js/feed.js";
import { opened, sent } from "./messages.js";

const LENGTH = 2;
const start = { kind: "start", run: "r", n: 3, length: LENGTH, start: [0, 0], mask: 0, domain: "text", words: {} };
const steps = [0, 1, 2].map((i) => sent(i, LENGTH));

/** A server that has all steps of the run "r", and what was asked of it. */
function server({ lacks = [] } = {}) {
  const asked = [];
  const frames = async (run, from, to) => {
    asked.push([run, from, to]);
    const found = steps.slice(Math.max(0, from), to + 1).filter(({ i }) => !lacks.includes(i));
    return run === "r" ? JSON.stringify(from < 0 ? [start, ...found] : found) : "[]";
  };
  return { frames, asked };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

test("a run whose start never arrived is asked for as a whole; one that nobody knows is none", async () => {
  const { frames } = server();
  const found = await whole(frames, "r", 2);
  assert.deepEqual([found.start.run, found.steps.length, found.end], ["r", 3, undefined]);
  assert.equal(await whole(frames, "other", 2), null);
});

test("steps that did not arrive are asked for in one request", async () => {
  const { frames, asked } = server();
  const run = opened(LENGTH, { n: 3 });
  const warned = [];
  const feed = new Feed(run, frames, () => {}, (words) => warned.push(words));
  feed.take([steps[2]]);
  await pause(250);
  assert.equal(run.count, 3);
  assert.equal(run.missing, 0);
  assert.equal(asked.length, 1);
  assert.deepEqual(warned, []);
});

test("what the server has not either is said, and not asked for without end", async () => {
  const { frames, asked } = server({ lacks: [1] });
  const run = opened(LENGTH, { n: 3 });
  const warned = [];
  const feed = new Feed(run, frames, () => {}, (words) => warned.push(words));
  feed.take([steps[0], steps[2]]);
  await pause(1200);
  assert.deepEqual(warned, ["1 step did not arrive."]);
  assert.ok(asked.length <= 4);
});

test("a feed that is closed takes nothing more in", async () => {
  const { frames } = server();
  const run = opened(LENGTH, { n: 3 });
  const feed = new Feed(run, frames, () => {}, () => {});
  feed.take([steps[2]]);
  feed.close();
  await pause(250);
  assert.equal(run.missing, 2);
});
