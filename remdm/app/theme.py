"""How the page looks."""

from collections.abc import Sequence

import gradio as gr
from gradio.themes.utils.fonts import Font


def theme() -> gr.themes.Base:
    """Gradio's plain theme with hints that can be read, and a bold face that Gradio ships whole."""
    font: Sequence[Font | str] = [
        gr.themes.LocalFont("Source Sans Pro", weights=(400, 700)),
        "ui-sans-serif",
        "system-ui",
        "sans-serif",
    ]
    mono: Sequence[Font | str] = [
        gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)),
        "ui-monospace",
        "Consolas",
        "monospace",
    ]
    return gr.themes.Default(primary_hue="blue", neutral_hue="slate", font=font, font_mono=mono).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
    )
