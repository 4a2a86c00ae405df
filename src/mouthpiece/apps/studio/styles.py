"""The page's style: little, and the same in light and dark, as all colours come from the theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACCENT = "#c8443c"
THEME: dict[str, Any] = {
    "theme.light.primaryColor": ACCENT,
    "theme.light.backgroundColor": "#fbf8f5",
    "theme.light.secondaryBackgroundColor": "#f2ece6",
    "theme.light.textColor": "#2b2422",
    "theme.light.borderColor": "#e4dbd3",
    "theme.dark.primaryColor": "#e0685c",
    "theme.dark.backgroundColor": "#191514",
    "theme.dark.secondaryBackgroundColor": "#262020",
    "theme.dark.textColor": "#f0e9e4",
    "theme.dark.borderColor": "#3a3230",
    "theme.baseRadius": "0.7rem",
    "theme.buttonRadius": "0.7rem",
}
"""Streamlit's options for colours and corners."""

STYLE = """<style>
.stMainBlockContainer :is([data-testid="stAlert"], [data-testid="stCaptionContainer"]) p, .mp-facts li {
  unicode-bidi: plaintext; text-align: start; }
.stMainBlockContainer { max-width: 72rem; padding: 2.2rem 1.5rem 4rem; }
.mp-name { font-weight: 700; letter-spacing: .02em; opacity: .65; font-size: .95rem; margin: 0 0 .2rem; }
.mp-title { font-size: clamp(1.7rem, 4.5vw, 2.5rem); line-height: 1.15; font-weight: 750; margin: 0; padding: 0; }
.mp-lead { opacity: .75; margin: .5rem 0 .4rem; max-width: 44rem; }
.mp-step { display: flex; align-items: center; gap: .6rem; font-size: 1.15rem; font-weight: 650;
  margin: 0; padding: 0; }
.mp-step span { display: inline-flex; width: 1.7rem; height: 1.7rem; border-radius: 50%; align-items: center;
  justify-content: center; font-size: .95rem; background: color-mix(in srgb, currentColor 12%, transparent); }
.mp-file { unicode-bidi: isolate; font-weight: 600; overflow-wrap: anywhere; }
.mp-about { opacity: .7; font-size: .9rem; }
.mp-quiet { opacity: .65; font-size: .88rem; margin: 0; }
.mp-facts { margin: 0; padding-inline-start: 1.1rem; font-size: .93rem; }
.mp-facts li { margin: .15rem 0; }
.mp-insecure { margin: 0; padding: .6rem .9rem; border-radius: .7rem; font-size: .93rem;
  background: color-mix(in srgb, currentColor 8%, transparent); }
:root:not([data-insecure]) [data-testid="stElementContainer"]:has(> .stHtml > .mp-insecure) { display: none; }
:root[data-insecure] :is([data-testid="stCameraInput"], [data-testid="stAudioInput"]) { display: none; }
[data-testid="stAudioInput"] div:has(> span):has(~ [data-testid="stAudioInputWaveSurfer"]) ~ * { display: none; }
[data-testid="stFileChip"][aria-invalid="true"] { flex-wrap: wrap; height: auto; }
[data-testid="stFileChip"][aria-invalid="true"] > [role="alert"] { position: static; width: 100%; height: auto;
  margin: 0; clip: auto; clip-path: none; white-space: normal; overflow: visible; }
.st-key-making [data-stale="true"] { opacity: 1; }
.mp-lost { display: none; position: fixed; z-index: 99; inset-block-end: 1rem; inset-inline: 1rem; margin: 0 auto;
  width: fit-content; max-width: calc(100% - 2rem); padding: .6rem 1rem; border-radius: .7rem; color: #fff;
  background: #b3372f; box-shadow: 0 2px 12px rgb(0 0 0 / .3); font-size: .95rem; }
.stApp:not([data-test-connection-state="CONNECTED"]) .mp-lost { display: block;
  animation: mp-appear .3s 1.5s both; }
@keyframes mp-appear { from { visibility: hidden; opacity: 0; } to { visibility: visible; opacity: 1; } }
.st-key-summary [data-testid="stElementToolbar"], [class*="st-key-tile-"] [data-testid="stElementToolbar"] {
  display: none; }
:root[dir="rtl"] [data-variant="segmented_control"] { border-radius: 0; margin: 0 0 0 -1px; }
:root[dir="rtl"] [data-variant="segmented_control"]:not([data-selected]) {
  border-color: color-mix(in srgb, currentColor 16%, transparent) !important; }
:root[dir="rtl"] [data-variant="segmented_control"]:first-child { border-radius: 0 .7rem .7rem 0; }
:root[dir="rtl"] [data-variant="segmented_control"]:last-child { border-radius: .7rem 0 0 .7rem; margin: 0; }
:root[dir="rtl"] [data-testid="stSlider"] [role="group"] { direction: ltr; }
:root[dir="rtl"] [data-testid="stSelectboxVirtualDropdown"] { direction: rtl; }
[data-testid="stElementContainer"]:has(> .stHtml > style, > .stHtml > script) { display: none; }
.st-key-gallery { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8rem; }
.st-key-gallery > * { width: auto !important; min-width: 0 !important; }
[class*="st-key-tile-"] { position: relative; gap: 0; }
[class*="st-key-tile-"] img { border-radius: .7rem; display: block; aspect-ratio: 8 / 9; object-fit: cover;
  object-position: 50% 60%; }
[class*="st-key-tile-"] [data-testid="stElementContainer"]:has(.stButton) { position: absolute;
  inset: 0; width: 100%; height: 100%; }
[class*="st-key-tile-"] .stButton, [class*="st-key-tile-"] .stButton > div { height: 100%; width: 100%; }
[class*="st-key-tile-"] .stButton button { width: 100%; height: 100%; border-radius: .7rem; align-items: flex-end;
  padding: .4rem .3rem; border: 0; color: #fff; box-shadow: none;
  background: linear-gradient(transparent 70%, rgb(0 0 0 / .7)) !important; }
[class*="st-key-tile-"] .stButton button p { font-size: .75rem; line-height: 1.15; color: #fff; }
[class*="st-key-tile-"] .stButton button:is(:hover, :focus-visible) {
  outline: 2px solid #e0685c99; outline-offset: 1px; }
[class*="st-key-tile-"] .stButton button[kind="primary"] { outline: 3px solid #d9534a; outline-offset: 1px; }
.st-key-animation button[kind="primary"] { color: inherit; border-color: var(--st-primary-color, #c8443c);
  background: color-mix(in srgb, var(--st-primary-color, #c8443c) 14%, transparent); }
video[data-testid="stVideo"] { display: block; border-radius: .7rem; max-height: 56vh; object-fit: contain;
  width: auto !important; max-width: 100%; margin-inline: auto; }
@media (min-width: 901px) { div:has(> .st-key-result) { order: -1; } }
@media (max-width: 900px) {
  .stMainBlockContainer [data-testid="stColumn"] { min-width: calc(100% - 1.5rem); }
  [data-testid="stHorizontalBlock"] { gap: 1rem; }
}
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 1.2rem .9rem 3rem; }
  .st-key-gallery { grid-template-columns: repeat(4, 1fr); gap: .5rem; }
  [class*="st-key-tile-"] .stButton button p { font-size: .68rem; }
  [data-testid="stButtonGroup"] button { padding-inline: .4rem; }
}
</style>"""
"""What Streamlit has no option for. Constant: nothing that anybody typed gets here."""


def text_overrides(texts: Mapping[str, str]) -> str:
    """Return rules that show other texts in the place of Streamlit's own.

    Args:
        texts: by the CSS selector of where they stand; constants of this program, nothing that anybody typed.
    """
    return " ".join(
        f"{selector} {{ font-size: 0; }} {selector} > * {{ display: none; }} "
        f'{selector}::after {{ font-size: .875rem; content: "{text}"; }}'
        for selector, text in texts.items()
    )
