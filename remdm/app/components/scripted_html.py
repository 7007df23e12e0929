"""Parts of the page that a script of assets/js fills, each fed with messages as its value."""

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from remdm.paths import ASSETS
from remdm.serving.streamed_runs import RUNS

# The template never mentions the value: Gradio would evaluate ${...} inside it.
_MOUNT = """
const box = element.querySelector("[data-mount]"), { acts, where } = box.dataset;
window.%s.mount(box, {
  where,
  value: () => props.value,
  watch: (call) => watch("value", call),
  frames: (run, first, last) => server.frames(run, first, last),
  pick: (index) => trigger("select", { index }),
  ...(acts && {
    samplers: JSON.parse(acts),
    act: (request) => trigger("submit", request),
    ask: (request) => trigger("edit", request),
  }),
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


def stage(
    value: str | None = None, *, elem_id: str, where: str = "", samplers: Sequence[tuple[str, str]] = ()
) -> ScriptedHTML:
    """Shows a run, or several under one slider (assets/js/board.js).

    Its messages are those of remdm.views.messages for a run alone and of remdm.app.components.board for several. With
    `samplers`, (title, name), a visitor can go on from any step: it then triggers `submit` with what is asked for, and
    `edit` where it wants the alternatives of a position. `where` names the tab, so that a link to it is shown first.
    """
    acts = f"data-acts='{escape(json.dumps(samplers))}'" if samplers else ""
    shell = f'<div data-mount class="rp" tabindex="-1" data-where="{where}" {acts}></div>'
    return ScriptedHTML("ReMDMStage", shell, value, elem_id=elem_id)


def tiles(*, elem_id: str, visible: bool) -> ScriptedHTML:
    """Shows a small picture of each sample (assets/js/tiles.js): messages of remdm.views.tiles; a click selects one."""
    return ScriptedHTML("ReMDMTiles", '<div data-mount class="tiles"></div>', elem_id=elem_id, visible=visible)


MODULES = (
    "dom", "protocol", "run", "colours", "scenes", "stage", "life", "errors", "lanemap", "lanes", "feed", "history",
    "apart", "legend", "table", "popover", "link", "transport", "playhead", "inbox", "rescue", "gestures", "report",
    "board", "tiles",
)  # fmt: skip
"""The modules of assets/js in the order in which they may import each other; the domains' scenes follow."""
PAGE_MODULES = ("bar", "learn")
"""Those that a page opened from disk does not need."""
_IMPORT = re.compile(r'^import \{([^}]*)\} from "[./a-z]*/(\w+)\.js";$', re.M)
_EXPORT = re.compile(r"^export (?:class|(?:async )?function|const) (?:(\w+)|\[([^\]]+)\])", re.M)


def joined(paths: Sequence[Path]) -> str:
    """ES modules as one script that a page can hold inline: each a function of its own, its exports kept by its name.

    So pages opened from disk and Gradio's head need no bundler. A module imports by name from modules before it, and
    exports what it declares at the start of a line.
    """
    parts = ["(() => {", '"use strict";', "if (window.ReMDMStage) return;", "const modules = {};"]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        names = ", ".join(name or some for name, some in _EXPORT.findall(text))
        text = _IMPORT.sub(lambda found: f"const {{{found[1].replace(' as ', ': ')}}} = modules.{found[2]};", text)
        text = re.sub(r"^export ", "", text, flags=re.M)
        parts.append(f"modules.{path.stem} = (() => {{\n{text}return {{ {names} }};\n}})();")
    return "\n".join([*parts, "})();"])


def scripts(more: Sequence[str] = ()) -> list[str]:
    """What shows runs: the stage and the drawings of the domains, as one script; `more` modules follow."""
    own, last = ([ASSETS / "js" / f"{name}.js" for name in names] for names in (MODULES, more))
    return [joined([*own, *sorted(ASSETS.glob("scenes/*.js")), *last])]


def styles() -> list[str]:
    """Their style sheets."""
    sheets = (ASSETS / "css" / "player.css", *sorted(ASSETS.glob("scenes/*.css")))
    return [path.read_text(encoding="utf-8") for path in sheets]


def head() -> str:
    """What the page's head needs: its script, inline, so that nothing is fetched from elsewhere."""
    return "".join(f"<script>{text}</script>" for text in scripts(PAGE_MODULES))


def sheet() -> str:
    """All styles of the page as one rule whose selectors are nested in it, so that they weigh three classes more.

    They win over Gradio's own by weight and not by their place: rendered on the server they come before those, rendered
    in the browser after them.
    """
    page = (ASSETS / "css" / "page.css").read_text(encoding="utf-8")
    return "\n".join([":root:root:root {", *styles(), page, "}"])
