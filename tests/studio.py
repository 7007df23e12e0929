"""Drives the page of a running app the way a visitor would."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from remdm.app.components.controls import defaults
from remdm.domains.registry import DOMAINS
from remdm.runs.trace import Trace
from remdm.runs.trace_file import dumps
from remdm.sampling.presets import METHODS

WAIT = int(os.environ.get("STUDIO_WAIT", 60_000))
"""Milliseconds: a slow machine may need more."""
expect.set_options(timeout=WAIT)
TOASTS = """window.toasts = [];
new MutationObserver(() => {
  for (const toast of document.querySelectorAll("[data-testid=toast-text]"))
    if (!window.toasts.includes(toast)) window.toasts.push(toast);
}).observe(document, {subtree: true, childList: true});"""
"""Keeps every toast that comes up: on a slow machine one has gone before anybody looks."""
SETTINGS = """where => {
  const bench = document.querySelector(`#${where}-player`).closest(".bench");
  const value = (each) => (["checkbox", "radio"].includes(each.type) ? each.checked : each.value);
  return [...bench.querySelectorAll(":is(.controls, .strip) :is(input, textarea)")].map(value).join("|");
}"""
OPEN_DRAWER = """.bench.drawer > .side { position: static !important; width: 100% !important; height: auto !important;
  order: 5; box-shadow: none !important; }"""
"""All settings stand below the stage, so that none of them lies over it."""
STANDS = """() => JSON.stringify({
  address: location.href,
  stages: [...document.querySelectorAll(".rp")].filter((each) => each.clientWidth).map((each) => ({ ...each.dataset })),
  off: [...document.querySelectorAll("button:disabled")].map((each) => each.innerText).filter(Boolean),
  status: [...document.querySelectorAll("[role=status]")].map((each) => each.innerText).filter(Boolean),
  toasts: (window.toasts || []).map((each) => each.innerText),
}, null, 1)"""
"""How a page stands, for the report of a test that failed there."""
NUMBERS = {"steps": 16, "seed": 7, "count": 1}
"""Of a short run."""
READY = """where => {
  const [run, stop] = ["run", "stop"].map((name) => document.getElementById(`${where}-${name}`));
  return run.innerText === "Run" && !run.disabled && stop.disabled;
}"""
SEEN = """(selector) => [...document.querySelectorAll(selector)].some(
  (each) => each.getClientRects().length && each.checkVisibility({ visibilityProperty: true }))"""
PLAIN, LOOP = METHODS["mdlm"].title, METHODS["remdm-loop"].title
AT_REST = """([where, eta]) => {
  const value = (name) => document.querySelector(`#${where}-${name} input[type=number]`)?.value;
  return value("eta") === eta && value("t_on");
}"""
"""What only ReMDM-loop shows is there, with its value."""
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def appears(page: Page, selector: str) -> None:
    """Wait for something to be seen, looked for in every frame: Playwright's own wait looks twice a second."""
    page.wait_for_function(SEEN, arg=selector)


class Studio:
    """One open page, at a domain's tab."""

    def __init__(self, page: Page, address: str, query: str = "", domain: str = "text") -> None:
        self.page, self.domain, self.faults = page, domain, []
        self.selector = f"#{domain}-player .rp"
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        page.add_init_script(TOASTS)
        self.toasts, self.at_rest, self.touched = 0, "", True
        page.goto(f"{address}/{query}")
        appears(page, ".domains [role=tab]")
        if domain != "text":
            self.show(DOMAINS[domain].title)
        appears(page, f"{self.selector}[data-run]")
        page.add_style_tag(content=OPEN_DRAWER)
        page.evaluate("document.querySelectorAll('.bench').forEach((bench) => bench.classList.add('drawer'))")
        self.lanes(1)  # a tab with a recorded pair opens with that
        self.fold("more", self.part("export-page"), True)
        expect(self.part("run")).to_be_enabled()

    def part(self, name: str) -> Locator:
        return self.page.locator(f"#{self.domain}-{name}")

    @property
    def player(self) -> Locator:
        return self.page.locator(self.selector)

    def lanes(self, count: int) -> None:
        """So many runs side by side."""
        if self.player.get_attribute("data-panes") != str(count):
            self.player.locator(f'[data-lanes="{count}"]').press("Enter")  # a click may meet a stage that is moving
            appears(self.page, f'{self.selector}[data-panes="{count}"]:not([data-live])')
            self.ready()

    def show(self, title: str) -> None:
        """Choose a tab: a domain's, or one of its views."""
        tab = self.page.get_by_role("tab", name=title, exact=True).locator("visible=true")
        if not tab.count():  # a narrow page keeps it behind the three dots
            self.page.locator(".overflow-menu > button").locator("visible=true").first.click()
            tab = self.page.locator(".overflow-dropdown button").filter(has_text=title)
        tab.click()

    def fold(self, name: str, inside: Locator, is_open: bool) -> None:
        """Open or close an accordion; `inside` is visible while it is open."""
        if inside.is_visible() != is_open:
            self.part(name).get_by_role("button").first.click()
        expect(inside).to_be_visible(visible=is_open)

    # Settings

    def choose(self, name: str, title: str) -> None:
        self.touched |= name != "sampler"  # the choice may be out of sight later, and hold all the same
        self.part(name).get_by_role("combobox").click()
        option = self.part(name).get_by_role("option", name=title, exact=True)
        option.dispatch_event("mousedown")  # a click would wait for the list to have unfolded

    def field(self, name: str) -> Locator:
        """Where a number is typed."""
        return self.part(name).locator("input[type=number]")

    def typed(self, name: str, value: object) -> None:
        self.touched |= name not in NUMBERS
        self.field(name).fill(str(value))
        self.field(name).blur()

    def value(self, name: str) -> float:
        return float(self.field(name).input_value())

    def prompt(self, text: str) -> None:
        self.part("prompt").locator("textarea").fill(text)

    def reset(self) -> None:
        """A short run's settings at rest, whatever another test has left."""
        if not self.player.is_visible():
            self.show("Text")
        self.lanes(1)
        self.fold("parts", self.part("transition"), False)
        self.page.keyboard.press("Escape")  # closes the life of a token
        anew = self.touched or self._sampler() != LOOP
        if anew:
            self._forget()
        for name, value in NUMBERS.items():
            if self.field(name).input_value() != str(value):
                self.typed(name, value)
        self.prompt("")
        if not anew:
            if self.settings() == self.at_rest:
                return
            self._forget()
        self.choose("sampler", LOOP)
        self.page.wait_for_function(AT_REST, arg=[self.domain, str(defaults("remdm-loop", NUMBERS["steps"])["eta"])])
        self.touched, self.at_rest = False, self.settings()

    def _sampler(self) -> str:
        return self.part("sampler").get_by_role("combobox").input_value()

    def _forget(self) -> None:
        """Choose MDLM, so that the next choice brings back all its values; no knob of MDLM follows the steps."""
        if self._sampler() != PLAIN:
            self.choose("sampler", PLAIN)
        expect(self.part("eta")).to_have_count(0)

    def settings(self) -> str:
        """What stands in the controls, whichever of them are there, as one text."""
        return self.page.evaluate(SETTINGS, self.domain)

    # Runs

    def start(self) -> str:
        """Press Run; the id of the run that begins."""
        before = self.player.get_attribute("data-run")
        self.part("run").click()
        appears(self.page, f'{self.selector}[data-run]:not([data-run="{before}"])')
        return self.player.get_attribute("data-run")

    def watch(self, name: str) -> Callable[[], list[str]]:
        """Notes each text that a part shows from now on, however briefly; called, gives those so far."""
        self.page.evaluate(
            """id => {
                const seen = (window.shown = []);
                const note = () => {
                    const text = document.getElementById(id)?.textContent.trim();
                    if (text && text !== seen.at(-1)) seen.push(text);
                };
                const all = {subtree: true, childList: true, characterData: true};
                new MutationObserver(note).observe(document.body, all);
            }""",
            f"{self.domain}-{name}",
        )
        return lambda: self.page.evaluate("window.shown")

    def run(self) -> dict:
        """Press Run and wait for the end; what the player shows then."""
        self.start()
        return self.ended()

    def ended(self) -> dict:
        appears(self.page, f"{self.selector}:not([data-live])")
        self.ready()
        return self.state()

    def ready(self) -> None:
        """Wait until nothing runs."""
        self.page.wait_for_function(READY, arg=self.domain)

    def state(self) -> dict:
        """The state after the next drawing."""
        return self.page.evaluate(
            f"new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>"
            f" done(document.querySelector('{self.selector}').__stage.state()))))"
        )

    def at(self, step: int) -> dict:
        appears(self.page, f'{self.selector}[data-step="{step}"]')
        return self.state()

    def texts(self) -> list[str]:
        return self.player.locator(".rp-stage .rp-t").all_inner_texts()

    # Files and refusals

    def open(self, path: Path) -> None:
        self.page.locator("input[type=file]").first.set_input_files(path)

    def opened(self, path: Path) -> dict:
        before = self.player.get_attribute("data-run")
        self.open(path)
        appears(self.page, f'{self.selector}[data-run]:not([data-run="{before}"])')
        return self.state()

    def saved(self, folder: Path) -> Path:
        with self.page.expect_download() as waiting:
            self.part("export").click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def refused(self) -> str:
        """The one toast since the last call, also if it has gone by itself meanwhile; it is closed."""
        self.page.wait_for_function(f"window.toasts.length > {self.toasts}")
        texts = self.page.evaluate(f"window.toasts.slice({self.toasts}).map((toast) => toast.textContent.trim())")
        self.toasts += len(texts)
        assert len(texts) == 1, texts
        self.page.evaluate("document.querySelectorAll('[data-testid=toast-close]').forEach((each) => each.click())")
        return texts[0]

    def charts(self) -> dict[str, list]:
        """What each chart draws: its lines' y values."""
        names = ("masks", "sigma", "remasks", "errors")
        for name in names:
            self.page.wait_for_selector(f"#{self.domain}-{name} .js-plotly-plot .main-svg", state="attached")
        plot = f"document.querySelector('#{self.domain}-%s .js-plotly-plot')"
        lines = {n: f"[...{plot % n}._fullData].map(d => [...d.y])" for n in names}
        return {name: self.page.evaluate(code) for name, code in lines.items()}

    def sideways(self) -> int:
        """How far the page can be scrolled sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def changed(trace: Trace, target: Path, change: dict) -> Path:
    """A trace file with top-level fields changed."""
    target.write_text(json.dumps({**json.loads(dumps(trace)), **change}), encoding="utf-8")
    return target
