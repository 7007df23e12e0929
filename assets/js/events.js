/* Gradio's stream of events: one that is about to end is not taken for open (remdm/serving/event_stream.py). */

const ask = window.fetch.bind(window);
let stream = null; // the signal of the latest one's request, which Gradio aborts when it has read the end

window.fetch = async (what, more) => {
  if (what instanceof Request && what.url.includes("/queue/data")) stream = what.signal;
  const answer = await ask(what, more);
  if (answer.headers.has("X-New-Stream") && stream && !stream.aborted)
    await new Promise((done) => stream.addEventListener("abort", done, { once: true }));
  return answer;
};
