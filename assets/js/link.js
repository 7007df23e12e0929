/* What the page's address asks a stage to show; the run itself is made by the server. */

/**
 * The step, lane and token that a link names, and how often something was done by hand on the way there; null where the
 * address is no link to a run on the tab `where`.
 */
export function wanted(where, search) {
  const asked = new URLSearchParams(search);
  if (!asked.has("sampler") || (asked.get("domain") || "text") !== where) return null;
  const number = (name) => (/^\d{1,6}$/.test(asked.get(name) || "") ? Number(asked.get(name)) : null);
  return { step: number("at"), lane: number("lane"), position: number("token"), edits: edits(asked.get("edits")) };
}

function edits(text) {
  try {
    const found = JSON.parse(text || "[]");
    return Array.isArray(found) ? found.length : 0;
  } catch {
    return 0;
  }
}
