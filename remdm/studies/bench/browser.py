"""The page in a browser: how soon a click shows its first step, and whether scrubbing keeps up with the screen.

It takes what the browser tests take: Playwright and a Chromium (the extra `test`).
"""

import os
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from remdm.app.components.scripted_html import scripts, styles
from remdm.models.ideal import LETTERS, IdealDenoiser
from remdm.runs.frames import Recorded
from remdm.runs.trace import Trace
from remdm.sampling.methods import run, settings
from remdm.studies.bench.page import PageError, app
from remdm.studies.bench.rows import Row, row
from remdm.studies.bench.targets import PAINT, SOON
from remdm.views import messages, standalone

REFRESH = 1000 / 60
"""Milliseconds between two pictures of a screen."""
LENGTH, STEPS = 256, 512
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

_CLICK = """name => new Promise(done => {
  const root = document.querySelector(`#${name}-player .rp`), before = root.dataset.run, begun = performance.now();
  const seen = () => {
    if (root.dataset.run === before || Number(root.dataset.step) < 1) return;
    watcher.disconnect();
    requestAnimationFrame(() => done(performance.now() - begun));
  };
  const watcher = new MutationObserver(seen);
  watcher.observe(root, { attributes: true });
  document.querySelector(`#${name}-run`).click();
})"""
_SHIFT = """self.shift = 0;
new PerformanceObserver(list => list.getEntries().forEach(each => self.shift += each.value))
  .observe({ type: "layout-shift", buffered: true });"""
_ARRIVED = """domain => {
  const seen = each => each.offsetParent && !each.closest(".rp") && each.getBoundingClientRect().width > 0;
  const bench = document.querySelector(`#${domain}-player`).closest(".bench, .tabitem");
  const controls = [...bench.querySelectorAll("button, input, textarea, select")].filter(seen);
  const files = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const sent = files.reduce((sum, each) => sum + each.transferSize, 0);
  return [paint ? paint.startTime : 0, sent, controls.length];
}"""
# What one step costs: its drawing at once rather than at the next frame, and the layout that it asks for.
_DRAW = """steps => {
  const player = document.getElementById("run").__stage, later = window.requestAnimationFrame;
  window.requestAnimationFrame = (act) => (act(performance.now()), 0);
  const took = steps.map((k) => {
    const begun = performance.now();
    player.seek(k);
    document.body.offsetHeight;
    return performance.now() - begun;
  });
  window.requestAnimationFrame = later;
  return took;
}"""
# When each frame came while every one of them showed another step.
_FRAMES = """steps => new Promise(done => {
  const player = document.getElementById("run").__stage, times = [];
  let place = 0;
  const next = (now) => {
    times.push(now);
    if (place === steps.length) return done(times);
    player.seek(steps[place++]);
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""


@contextmanager
def browser() -> Iterator[Any]:
    """A Chromium without a window.

    Raises:
        PageError: where there is none.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise PageError("the page in a browser needs Playwright: pip install playwright") from error
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            raise PageError("no Chromium was found; CHROMIUM may name one") from error
        yield opened
        opened.close()


def click_row(domain: str, geometry: str, clicks: int = 5) -> Row:
    """From a click on Run until the first step is drawn, the model being loaded. `other` is the time allowed."""
    with browser() as opened, app(domain) as (visitor, _, _):
        visitor.click(steps=2, count=1)  # loads the model
        page = opened.new_page()
        page.goto(visitor.address, wait_until="commit")
        page.wait_for_selector(f"#{domain}-player .rp[data-run]")
        drawn = page.evaluate("performance.now()")
        times = []
        for _ in range(clicks):
            page.wait_for_selector(f"#{domain}-run:not([disabled])")
            times.append(page.evaluate(_CLICK, domain))
            page.click(f"#{domain}-stop")
    return row("click", geometry, statistics.median(times), SOON, slowest_ms=max(times), page_drawn_ms=drawn)


def arrival_row(domain: str, width: int = 1440, height: int = 900) -> Row:
    """What a newcomer meets who does nothing: until the first paint, until a repair is told; `other` is the target.

    The layout shift is the browser's, until the opening pair stands there: words in their rows move afterwards, as they
    should. Controls are those that can be seen in the tab, player and bar left out.
    """
    with browser() as opened, app(domain) as (visitor, _, _):
        page = opened.new_page(viewport={"width": width, "height": height})
        page.add_init_script(_SHIFT)
        page.goto(visitor.address, wait_until="commit")
        page.wait_for_selector(f"#{domain}-player .rp[data-run]")
        drawn, shift = page.evaluate("[performance.now(), self.shift]")
        page.wait_for_selector(f"#{domain}-player .ln-caption[data-kind=gone]", timeout=60_000)
        repaired = page.evaluate("performance.now()")
        paint, size, controls = page.evaluate(_ARRIVED, domain)
    return row(
        "arrival", f"{width}x{height}", paint, PAINT, drawn_ms=drawn, repair_s=repaired / 1000, layout_shift=shift,
        kilobytes=size / 1000, controls=controls,
    )  # fmt: skip


def long_run(length: int = LENGTH, steps: int = STEPS) -> Trace:
    """A run of so many positions and steps in which much is remasked, of a language of five random sequences."""
    sequences = torch.randint(len(LETTERS), (5, length), generator=torch.Generator().manual_seed(0))
    denoiser = IdealDenoiser(sequences, len(LETTERS) + 1, len(LETTERS))
    running = run(denoiser, settings("remdm-cap", steps, eta=0.02), torch.full((1, length), denoiser.mask_id), (1,))
    frames = tuple(Recorded(record).frame(0, int(running.forwards[0])) for record in running)
    words = {place: f" {letter}" for place, letter in enumerate(LETTERS)}
    about = {"domain": "text", "model": "letters", "sampler": "remdm-cap", "steps": steps, "seed": 1}
    return Trace(about, length, denoiser.mask_id, (denoiser.mask_id,) * length, words, frames, "")


def scrub_row() -> Row:
    """What a step costs to show, one after the other and at random. `other` is the time between two pictures.

    Means, since the browser's clock is too coarse for single steps.
    """
    trace = long_run()
    message = messages.trace_message("scrubbed", trace, None)
    text = standalone.page("scrubbed", message, scripts(), styles())
    count = len(trace.steps)
    forward = list(range(1, count + 1))
    anywhere = torch.randperm(count, generator=torch.Generator().manual_seed(1)).add(1).tolist()
    with browser() as opened:
        page = opened.new_page()
        page.set_content(text)
        page.wait_for_selector(".rp[data-run]")
        page.evaluate(_DRAW, forward)  # the first time styles and fonts come too
        walked, jumped = (page.evaluate(_DRAW, steps) for steps in (forward, anywhere))
        times = page.evaluate(_FRAMES, forward)
    between = [later - sooner for sooner, later in zip(times, times[1:], strict=False)]
    return row(
        "scrub", f"{trace.length}x{count}", statistics.fmean(walked), REFRESH, random_ms=statistics.fmean(jumped),
        random_p95_ms=sorted(jumped)[int(0.95 * len(jumped))], frames_per_second=1000 * len(between) / sum(between),
        late_frames=sum(each > 1.5 * REFRESH for each in between), message_bytes=len(message),
    )  # fmt: skip
