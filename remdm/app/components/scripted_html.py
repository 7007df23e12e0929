"""Parts of the page that a script of assets/js fills, each fed with messages as its value."""

from typing import Any

import gradio as gr

from remdm.paths import ASSETS
from remdm.serving.streamed_runs import RUNS

# The template never mentions the value: Gradio would evaluate ${...} inside it.
_MOUNT = """
window.%s.mount(element.querySelector("[data-mount]"), {
  value: () => props.value,
  watch: (call) => watch("value", call),
  frames: (run, first, last) => server.frames(run, first, last),
  pick: (index) => trigger("select", { index }),
});
"""


def frames(asked: list) -> str:
    """Step messages that the browser missed, as a JSON list; `asked` is [run, first, last], as Gradio hands it on."""
    return RUNS.frames(*asked) if isinstance(asked, list) and len(asked) == 3 else "[]"


class ScriptedHTML(gr.HTML):
    """An empty element that a script fills; its value is a message, and it triggers `select` with an index."""

    def __init__(self, script: str, shell: str, value: str | None = None, **more: Any) -> None:
        mount = _MOUNT % script
        super().__init__(value, html_template=shell, js_on_load=mount, server_functions=[frames], **more)


def player(value: str | None = None, *, elem_id: str) -> ScriptedHTML:
    """Shows a run (assets/js/player.js): messages of remdm.views.messages."""
    return ScriptedHTML("ReMDMPlayer", '<div data-mount class="rp" tabindex="-1"></div>', value, elem_id=elem_id)


def board(*, elem_id: str) -> ScriptedHTML:
    """Shows runs side by side with one scrubber (assets/js/compare.js): messages of remdm.app.components.board."""
    return ScriptedHTML("ReMDMCompare", '<div data-mount class="compare"></div>', elem_id=elem_id)


def tiles(*, elem_id: str, visible: bool) -> ScriptedHTML:
    """Shows a small picture of each sample (assets/js/tiles.js): messages of remdm.views.tiles; a click selects one."""
    return ScriptedHTML("ReMDMTiles", '<div data-mount class="tiles"></div>', elem_id=elem_id, visible=visible)


def scripts() -> list[str]:
    """The player and the drawings of the domains: what shows a run."""
    return [
        path.read_text(encoding="utf-8") for path in (ASSETS / "js" / "player.js", *sorted(ASSETS.glob("scenes/*.js")))
    ]


def styles() -> list[str]:
    """Their style sheets."""
    return [
        path.read_text(encoding="utf-8")
        for path in (ASSETS / "css" / "player.css", *sorted(ASSETS.glob("scenes/*.css")))
    ]


def head() -> str:
    """What the page's head needs: its scripts, inline, so that nothing is fetched from elsewhere; the player first."""
    first, *scenes = scripts()
    others = [path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("js/*.js")) if path.name != "player.js"]
    return "".join(f"<script>{text}</script>" for text in (first, *others, *scenes))
