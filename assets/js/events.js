/* Gradio's stream of events: one that is about to end is not taken for open (remdm/serving/event_stream.py). */

const ask = window.fetch.bind(window);
let stream = null; // the signal of the latest one's request, which Gradio aborts when it has read the end

window.fetch = async (what, more) => {
  const before = stream; // one that opens meanwhile, for an event answered sooner, brings this one along
  if (what instanceof Request && what.url.includes("/queue/data")) stream = what.signal;
  const answer = await ask(what, more);
  if (answer.headers.has("X-New-Stream") && before && !before.aborted)
    await new Promise((done) => before.addEventListener("abort", done, { once: true }));
  return answer;
};
