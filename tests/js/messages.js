/* Messages for tests, as the server writes them. */

import { readStart, readStep } from "../../assets/js/protocol.js";
import { Run } from "../../assets/js/run.js";

export const MASK = 0;

/** A run of so many masks, in rows of `row`. */
export function opened(length, { row = 0, start = Array(length).fill(MASK), n = 8 } = {}) {
  const words = { 0: "<mask>", 1: " her", 2: " his", 3: " cat", 4: "." };
  const given = start.flatMap((id, p) => (id === MASK ? [] : [p]));
  const layout = row ? `rows:${row}` : "text";
  return new Run(readStart({ run: "r", n, length, start, mask: MASK, given, domain: "text", layout, words }));
}

/** A step message as it is sent: what is decoded as [position, id, probability], what is remasked or hidden to be judged, which errors are left. */
export function sent(i, length, { decoded = [], remasked = [], judged, errors, confidence = 200, nfe = i + 1 } = {}) {
  const message = { kind: "step", i, t: 1, s: 1, at: 0, as: 0, sg: 0.1, ph: "loop", f: nfe, d: decoded, r: remasked, j: judged, e: errors };
  return { ...message, c: btoa(String.fromCharCode(...Array(length).fill(confidence))) };
}

/** The same, read. */
export const step = (i, length, more) => readStep(sent(i, length, more), length);
