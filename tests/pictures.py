"""`python tests/pictures.py`: makes the README's pictures in docs/ anew, from the page as it opens."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser import ARGUMENTS, found
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PORT = 7941
COLOURS = 256
"""Of a picture's palette: a third of the bytes, and nobody sees it."""


@contextmanager
def page_of_today() -> Iterator[str]:
    """The address of the app in a process of its own."""
    more = {"GRADIO_SERVER_PORT": str(PORT), "GRADIO_SERVER_NAME": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **more})
    address = f"http://127.0.0.1:{PORT}"
    try:
        while app.poll() is None:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        yield address
    finally:
        app.terminate()
        app.wait(20)


def at(page: Page, domain: str, title: str) -> str:
    """Open a domain's tab at its opening pair; the selector of its stage."""
    page.locator(".domains > .tab-wrapper [role=tab]").filter(has_text=title).first.click()
    stage = f"#{domain}-player .rp"
    page.wait_for_selector(f"{stage}[data-run]:not([data-live])")
    return stage


def seek(page: Page, stage: str, step: int) -> None:
    page.evaluate(f"document.querySelector('{stage}').__stage.seek({step})")
    page.wait_for_selector(f"{stage}[data-step='{step}']")


def shot(page: Page, name: str, height: int | None = None) -> None:
    """Write what the window shows, or its upper part."""
    path, width = ROOT / "docs" / f"{name}.png", page.viewport_size["width"]
    page.wait_for_timeout(1500)  # fonts and charts have come to rest
    page.screenshot(path=path, clip={"x": 0, "y": 0, "width": width, "height": height} if height else None)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)


def main() -> None:
    with page_of_today() as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found(), args=list(ARGUMENTS))

        def opened(width: int, height: int, theme: str) -> Page:
            context = chromium.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
            page = context.new_page()
            page.goto(f"{address}/?__theme={theme}")
            at(page, "text", "Text")
            return page

        page = opened(1440, 900, "light")
        shot(page, "desktop-light")
        stage = "#text-player .rp"
        born = page.evaluate(f"document.querySelector('{stage}').__stage.events().find((each) => each.place === 1).at")
        seek(page, stage, born)
        page.locator(f"{stage} [data-role=lane]").nth(1).locator("[data-role=token].rp-bad").first.click()
        shot(page, "life")
        at(page, "image", "Images")
        shot(page, "pictures", 680)
        at(page, "molecule", "Molecules")
        shot(page, "molecules", 700)
        shot(opened(390, 844, "dark"), "phone-dark")


if __name__ == "__main__":
    main()
