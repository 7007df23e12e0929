"""The player as a Gradio component: a shell that assets/js/player.js fills, fed one string a step."""

import gradio as gr

from remdm.paths import ASSETS
from remdm.serving.streamed_runs import RUNS

# The template never mentions the value: Gradio would evaluate ${...} inside it.
_SHELL = '<div class="rp" tabindex="-1"></div>'
_MOUNT = """
window.ReMDMPlayer.mount(element.querySelector(".rp"), {
  value: () => props.value,
  watch: (call) => watch("value", call),
  frames: (run, first, last) => server.frames(run, first, last),
});
"""


def frames(asked: list) -> str:
    """Step messages that the browser missed, as a JSON list; `asked` is [run, first, last], as Gradio hands it on."""
    return RUNS.frames(*asked) if isinstance(asked, list) and len(asked) == 3 else "[]"


class Player(gr.HTML):
    """Shows a run; its value is a message of remdm.views.messages."""

    def __init__(self, value: str | None = None, **more: object) -> None:
        more = {"html_template": _SHELL, "css_template": "", "js_on_load": _MOUNT, "server_functions": [frames], **more}
        super().__init__(value=value, **more)

    def api_info(self) -> dict[str, str]:
        """A message, for API users."""
        return {"type": "string"}


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
    player, *scenes = scripts()
    others = [path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("js/*.js")) if path.name != "player.js"]
    return "".join(f"<script>{text}</script>" for text in (player, *others, *scenes))
