import assert from "node:assert/strict";
import { test } from "node:test";

import { wanted } from "../../assets/js/link.js";

test("a link names a step, a lane and a token, and counts what was done by hand", () => {
  const link = "?domain=text&sampler=mdlm&at=12&lane=1&token=33&edits=[[1],[2]]";
  assert.deepEqual(wanted("text", link), { step: 12, lane: 1, position: 33, edits: 2 });
  assert.deepEqual(wanted("text", "?sampler=mdlm"), { step: null, lane: null, position: null, edits: 0 });
});

test("what is no link, of another tab or nonsense asks for nothing", () => {
  assert.equal(wanted("text", "?gallery=x"), null);
  assert.equal(wanted("image", "?sampler=mdlm"), null);
  assert.deepEqual(wanted("text", "?sampler=x&at=-1&token=a&edits=("), { step: null, lane: null, position: null, edits: 0 });
});
