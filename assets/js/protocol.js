/* Messages: JSON strings from the server or from a file, read and checked. What is wrong with one becomes an Error. */

export const MAX_LENGTH = 8192;
export const MAX_STEPS = 20000;

export function fail(why) {
  throw new Error(why);
}

function whole(x, low, high, name) {
  return Number.isInteger(x) && x >= low && x <= high ? x : fail(`${name} out of range`);
}

const number = (x) => (typeof x === "number" && Number.isFinite(x) ? x : null);
export const string = (x) => (typeof x === "string" ? x : "");
export const list = (x, name) => (Array.isArray(x) ? x : fail(`${name} is not a list`));
const identity = (x) => whole(x, 0, 2 ** 31 - 1, "token id");

/** The bytes of a base64 text, so many of them. */
export function bytes(text, length, name) {
  const raw = atob(text);
  if (raw.length !== length) fail(`${name} has the wrong length`);
  const out = new Uint8Array(length);
  for (let p = 0; p < length; p++) out[p] = raw.charCodeAt(p);
  return out;
}

function words(x) {
  const found = Object.entries(x && typeof x === "object" ? x : {});
  return found.map(([id, piece]) => [identity(Number(id)), string(piece)]);
}

/** An object, or nothing: what a domain's own drawing takes, or the facts of a run. */
const scene = (x) => (x && typeof x === "object" && !Array.isArray(x) ? x : null);

/** A start message, checked. */
export function readStart(m) {
  const length = whole(m.length, 1, MAX_LENGTH, "length");
  const start = list(m.start, "start").map(identity);
  if (start.length !== length) fail("start has the wrong length");
  return {
    run: string(m.run),
    n: whole(m.n, 0, MAX_STEPS, "n"),
    length,
    start,
    mask: identity(m.mask),
    given: list(m.given || [], "given").map((p) => whole(p, 0, length - 1, "position")),
    domain: string(m.domain),
    layout: string(m.layout) || "text",
    scene: scene(m.x),
    words: words(m.words),
    title: string(m.title),
    named: string(m.named),
    sampler: string(m.sampler),
    model: string(m.model),
    note: string(m.note),
    device: string(m.device),
    from: whole(m.from || 0, 0, MAX_STEPS, "from"),
    facts: scene(m.facts), // how a live run is made, for its trace file
  };
}

function readDecoded(entry, length) {
  const [position, id, prob, others] = list(entry, "decoded");
  return {
    position: whole(position, 0, length - 1, "position"),
    id: identity(id),
    probability: number(prob),
    others: list(others || [], "alternatives")
      .slice(0, 5)
      .map(([o, p]) => [identity(o), number(p) || 0]),
  };
}

function readRemasked(entry, length) {
  const [position, sig, weight] = Array.isArray(entry) ? entry : [entry];
  return { position: whole(position, 0, length - 1, "position"), sigma: number(sig), weight: number(weight) };
}

function readDraft(entry, length) {
  const [position, id] = list(entry, "draft");
  return [whole(position, 0, length - 1, "position"), identity(id)];
}

function readError(entry, length) {
  const [positions, kind, sentence] = list(entry, "error");
  const where = list(positions, "error positions").map((p) => whole(p, 0, length - 1, "position"));
  return { positions: where, kind: string(kind), sentence: string(sentence) };
}

/** A step message, checked against the length of its run. */
export function readStep(m, length) {
  return {
    i: whole(m.i, 0, MAX_STEPS - 1, "step"),
    t: number(m.t),
    s: number(m.s),
    at: number(m.at),
    as: number(m.as),
    sigma: number(m.sg),
    sigmas: string(m.sl), // where it differs by position, 64-bit floats in base64
    phase: string(m.ph),
    forwards: number(m.f) || 0,
    ms: number(m.ms) || 0,
    decoded: list(m.d || [], "d").map((entry) => readDecoded(entry, length)),
    remasked: list(m.r || [], "r").map((entry) => readRemasked(entry, length)),
    judged: list(m.j || [], "j").map((p) => whole(p, 0, length - 1, "position")),
    confidence: bytes(string(m.c), length, "confidence"),
    drafts: list(m.g || [], "g").map((entry) => readDraft(entry, length)),
    words: words(m.words),
    scene: scene(m.x),
    errors: m.e === undefined || m.e === null ? null : list(m.e, "e").map((entry) => readError(entry, length)),
  };
}

/** The likeliest tokens of a position, as the server answers. */
export function readBeliefs(m) {
  const top = list(m.top, "top").slice(0, 10);
  return {
    key: string(m.key),
    top: top.map(([id, p]) => [identity(id), number(p) || 0]),
    words: words(m.words),
  };
}

/** An end message; a trace may lack it. */
export function readEnd(m) {
  return { text: string(m && m.text), stopped: Boolean(m && m.stopped === true), note: string(m && m.note) };
}

/** The message in a string; null if there is nothing in it. */
export function parse(text) {
  if (text === null || text === undefined || text === "") return null;
  const message = typeof text === "string" ? JSON.parse(text) : text;
  if (!message || typeof message !== "object") fail("not a message");
  if (message.v !== 1) fail("made by another version");
  return message;
}
