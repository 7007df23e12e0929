"""A run, or several side by side, as one HTML file that opens from disk and needs nothing from a network."""

import json
from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body {{ margin: 0; padding: 24px clamp(16px, 4vw, 48px) 48px; background: #fff; color: #1c2430; }}
body.dark {{ background: #12161d; color: #e6e9ef; }}
{styles}
</style>
</head>
<body>
<div id="run"></div>
<script>document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);</script>
{scripts}
<script type="application/json" id="message">{message}</script>
<script>
window.ReMDMStage.mount(document.getElementById("run")).push(document.getElementById("message").textContent);
</script>
</body>
</html>
"""


def page(title: str, message: str, scripts: list[str], styles: list[str]) -> str:
    """The file's text.

    Args:
        title: of the page.
        message: what the stage shows: a trace (`messages.trace_message`), or a whole comparison.
        scripts: JavaScript of the stage and of the domains' drawings.
        styles: their style sheets.

    Raises:
        ValueError: if the message is not JSON.
    """
    json.loads(message)
    # Inside a script element only these characters could end it or begin a comment.
    inert = message.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    code = "\n".join(f"<script>{each}</script>" for each in scripts)
    return _PAGE.format(title=escape(title), styles="\n".join(styles), scripts=code, message=inert)
