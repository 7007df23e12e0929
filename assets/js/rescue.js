/* A trace file made of what the page has of a run: for a run whose server has gone. */

const CHUNK = 1 << 15; // letters that one call takes as arguments

function base64(bytes) {
  let raw = "";
  for (let at = 0; at < bytes.length; at += CHUNK) raw += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(raw);
}

/** sigma as the file has it: a number, or one for each position. */
function sigma({ sigma: mean, sigmas }) {
  if (!sigmas) return mean || 0;
  const raw = Uint8Array.from(atob(sigmas), (letter) => letter.charCodeAt(0));
  return [...new Float64Array(raw.buffer)];
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
    confidence: base64(step.confidence),
    forwards: step.forwards,
    alternatives: step.decoded.some(({ others }) => others.length) ? step.decoded.map(({ others }) => others) : [],
    ...(weights.length && weights.every((weight) => weight !== null) && { weights }),
    ...(step.drafts.length && { drafts: step.drafts }),
  };
}

/**
 * The content of a trace file (version 1), up to the first step that did not arrive; null of a run of which the server
 * did not say how it was made.
 */
export function traceOf(run) {
  if (!run.facts) return null;
  const missing = run.hole();
  const steps = run.raw.slice(0, missing ? missing[0] : run.count);
  const ids = [...run.start];
  for (const step of steps) {
    for (const { position } of step.remasked) ids[position] = run.mask;
    for (const { position, id } of step.decoded) ids[position] = id;
  }
  const written = ids.filter((id) => id !== run.mask).map((id) => run.pieces.get(id) || "");
  return {
    format: "remdm-trace",
    version: 1,
    run: run.facts,
    length: run.length,
    mask_id: run.mask,
    start: [...run.start],
    words: Object.fromEntries(run.pieces),
    steps: steps.map(frame),
    final: { ids, text: written.join("").trim() },
  };
}

/** Lets the visitor save a trace of each run that has a step. */
export function save(runs) {
  for (const run of runs.filter(({ count }) => count)) {
    const file = new Blob([JSON.stringify(traceOf(run))], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${[run.domain, run.sampler, run.n, "unfinished"].join("-").replace(/[^\w-]/g, "")}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
