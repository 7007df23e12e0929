/* The messages of a stage, from the server, a file or a recording: each is read, and what it asks for is done.
 *
 * A run alone comes as start, steps and end, or as a trace; runs side by side as open (titles, settings and starts of the
 * lanes), steps and end; a recorded comparison as one message with all of it. Steps are a list of [lane, step message].
 */

import { plural } from "./dom.js";
import { whole } from "./feed.js";
import { MAX_STEPS, fail, list, parse, readBeliefs, string } from "./protocol.js";

const MOST = 4;
const SILENCE_MS = 6000; // of a live run, after which the server is asked whether it is still there
const LOST = "The server of this run is gone. What was written so far stays here; reload the page to go on.";

/** Reads messages for a board; `frames` asks the server for a run again, if there is a server. */
export class Inbox {
  constructor(board, frames) {
    Object.assign(this, { board, frames, past: new Set() });
  }

  close() {
    clearTimeout(this.silence);
  }

  /** Takes a message in; whatever is wrong with it becomes a notice and nothing else. */
  push(text) {
    try {
      const message = parse(text);
      if (message) this.take(message);
    } catch (error) {
      const why = error instanceof SyntaxError ? "not JSON" : error.message;
      this.board.warn(`A message could not be read and was left out (${why}).`);
    }
  }

  take(message) {
    const { board } = this;
    const { kind } = message;
    if (kind === "open") this.open(message);
    else if (kind === "all") this.all(message);
    else if (kind === "start") this.open({ id: string(message.run), panes: [{ start: message }] });
    else if (kind === "trace") this.trace(message);
    else if (kind === "blank") board.blank(string(message.words));
    else if (kind === "beliefs") board.learn(readBeliefs(message));
    else if (kind === "steps") this.steps(string(message.id), list(message.list, "list"));
    else if (kind !== "end") fail("of an unknown kind");
    else if (message.panes) message.id === board.id && this.finish(message.panes);
    else if (message.run === board.id) this.finish([{ end: message }]);
    else this.late(string(message.run), MAX_STEPS);
  }

  open(message) {
    const { board } = this;
    const id = string(message.id);
    if (id === board.id && board.lanes.length && (board.head.count || board.ended)) return;
    if (board.id) this.past.add(board.id);
    this.past.delete(id);
    board.open(id, list(message.panes, "panes").slice(0, MOST), string(message.headline));
    this.heard();
  }

  receive(steps) {
    this.board.receive(steps);
    this.heard();
  }

  finish(panes) {
    this.close();
    this.board.finish(panes);
  }

  /** Steps of what the stage shows, or of a run alone whose start never arrived. */
  steps(id, found) {
    const [, last] = found.at(-1) || [];
    if (id === this.board.id) this.receive(found);
    else if (last && last.run === id) this.late(id, last.i);
  }

  /** Of a run whose start never arrived everything is asked for; not of one that was replaced, or cannot be had. */
  late(id, to) {
    if (!this.past.has(id) && this.frames) this.fetch(id, to);
  }

  async fetch(id, to) {
    this.past.add(id);
    try {
      const found = await whole(this.frames, id, to);
      if (!found || this.board.off.signal.aborted) return;
      this.open({ id, panes: [{ start: found.start }] });
      this.receive(found.steps.map((step) => [0, step]));
      if (found.end) this.finish([{ end: found.end }]);
    } catch {
      this.board.warn("Some steps did not arrive.");
    }
  }

  /** Runs side by side, all at once: recorded ones. An opening pair plays by itself. */
  all(message) {
    this.open(message);
    this.recorded(list(message.steps, "steps"), message.panes, Boolean(message.play), Boolean(message.play));
  }

  /** A recorded run alone. */
  trace(message) {
    const messages = list(message.messages, "messages");
    const start = messages.find((m) => m && m.kind === "start") || fail("without a start");
    const id = string(start.run);
    if (this.board.id === id) this.board.id = null; // so that it begins anew
    this.open({ id, panes: [{ start }] });
    const steps = messages.filter((m) => m && m.kind === "step").map((m) => [0, m]);
    this.recorded(steps, [{ end: messages.find((m) => m && m.kind === "end") }], true, false);
  }

  recorded(steps, panes, plays, paced) {
    let bad = 0;
    for (const each of steps)
      try {
        this.board.receive([each]);
      } catch {
        bad++;
      }
    if (bad) this.board.warn(`${plural(bad, "step")} could not be read and ${bad === 1 ? "was" : "were"} left out.`);
    this.close();
    this.board.recorded(panes, plays, paced);
  }

  // A server that has gone

  /** A live run has said something: if nothing follows for a while, the server is asked for the run. */
  heard() {
    clearTimeout(this.silence);
    if (!this.board.ended && this.frames) this.silence = setTimeout(() => this.askServer(), SILENCE_MS);
  }

  async askServer() {
    const { id, lanes } = this.board;
    const late = new Promise((done) => setTimeout(done, SILENCE_MS, null)); // a request to nobody may never be answered
    const found = await Promise.race([whole(this.frames, lanes[0].run.run, -1).catch(() => null), late]);
    if (this.board.off.signal.aborted || id !== this.board.id || this.board.ended) return;
    if (found) return this.heard();
    this.finish(lanes.map(() => ({ end: { stopped: true } })));
    this.board.lose(LOST);
  }
}
