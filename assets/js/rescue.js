/* A trace file made of what the page has of a run: for a run whose server has gone. */

import { bytes } from "./protocol.js";

/** sigma as the file has it: a number, or one for each position. */
function sigma({ sigma: mean, sigmas, confidence }) {
  if (!sigmas) return mean || 0;
  return [...new Float64Array(bytes(sigmas, Float64Array.BYTES_PER_ELEMENT * confidence.length, "sigma").buffer)];
}

function frame(step) {
  const weights = step.remasked.map(({ weight }) => weight);
  return {
    t: step.t,
    s: step.s,
    alpha_t: step.at,
    alpha_s: step.as,
    sigma: sigma(step),
    phase: step.phase,
    decoded: step.decoded.map(({ position, id, probability }) => [position, id, probability]),
    remasked: step.remasked.map(({ position }) => position),
    confidence: btoa(String.fromCharCode(...step.confidence)),
    forwards: step.forwards,
    alternatives: step.decoded.some(({ others }) => others.length) ? step.decoded.map(({ others }) => others) : [],
    ...(weights.length && weights.every((weight) => weight !== null) && { weights }),
    ...(step.drafts.length && { drafts: step.drafts }),
    ...(step.judged.length && { judged: step.judged }),
  };
}

/** Whether there is anything to save, and the server has said how the run is made. */
export const saveable = (run) => Boolean(run.facts && run.count);

/** The content of a trace file, up to the first step that did not arrive; of version 2 if tokens were hidden to judge them. */
export function traceOf(run) {
  const missing = run.hole();
  const steps = run.raw.slice(0, missing ? missing[0] : run.count);
  const ids = run.ids(steps.length);
  const written = ids.filter((id) => id !== run.mask).map((id) => run.pieces.get(id) || "");
  return {
    format: "remdm-trace",
    version: steps.some(({ judged }) => judged.length) ? 2 : 1,
    run: run.facts,
    length: run.length,
    mask_id: run.mask,
    start: [...run.start],
    words: Object.fromEntries(run.pieces),
    steps: steps.map(frame),
    final: { ids, text: written.join("").trim() },
  };
}

/** Lets the visitor save a trace of each run that has one. */
export function save(runs) {
  for (const run of runs.filter(saveable)) {
    const file = new Blob([JSON.stringify(traceOf(run))], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${[run.domain, run.sampler, run.n, "unfinished"].join("-").replace(/[^\w-]/g, "")}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
