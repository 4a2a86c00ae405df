"""The page, from top to bottom."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mouthpiece.apps.studio.input_cards import face_card, speech_card
from mouthpiece.apps.studio.result_card import result_card, video_card
from mouthpiece.apps.studio.state import StudioState, shared_state
from mouthpiece.apps.studio.styles import STYLE, text_overrides
from mouthpiece.apps.studio.translations import LANGUAGES, Texts, preferred_language
from mouthpiece.apps.studio.visits import Visit
from mouthpiece.apps.web import MEGABYTE

ICON = Path(__file__).with_name("icon.svg")
VISIT, LANGUAGE = "visit", "language"
"""Names in the page's address and in Streamlit's session."""
VISIT_LOST = "visit-lost"
"""In the session: whether the address named a visit of which nothing is left."""
KEPT_CONTROLS = (LANGUAGE, "face-from", "avatar", "speech-from", "sample", "intensity", "quality", "full-size")
"""Keys of the controls with which a reloaded page begins as they stood; `result_card` keeps the others."""


def show() -> None:
    """Show the page as it should be now."""
    st.set_page_config(page_title="mouthpiece studio", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    state = studio_state()
    visit, limits = current_visit(state), state.settings.limits
    texts = _show_head(visit)
    inputs, output = st.columns([7, 5], gap="large")
    with inputs:
        with st.container(border=True, key="face-card"):
            face = face_card(visit, limits, texts)
        with st.container(border=True, key="speech-card"):
            speech = speech_card(visit, limits, texts)
    with output:
        with st.container(border=True, key="video-card"):
            video_card(state, visit, face, speech, texts)
        result_card(visit, texts)
    _set_up_browser(visit, limits.most_bytes // MEGABYTE, texts)
    visit.control_values |= {key: st.session_state[key] for key in KEPT_CONTROLS if key in st.session_state}


def _show_head(visit: Visit) -> Texts:
    """Show the title and the switch between languages; return the texts of the chosen one."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="bar"):
        st.html('<p class="mp-name">mouthpiece studio</p>')
        language = st.segmented_control(
            "Language, اللغة",
            list(LANGUAGES),
            default=visit.initial_values[LANGUAGE],
            required=True,
            format_func=lambda code: LANGUAGES[code].own_name,
            key=LANGUAGE,
            on_change=visit.switch_language,
            label_visibility="collapsed",
        )
    texts = LANGUAGES[language or visit.initial_values[LANGUAGE]]
    st.html(
        f'<h1 class="mp-title">{escape(texts.title)}</h1><p class="mp-lead">{escape(texts.lead)}</p>'
        f'<p class="mp-lost" role="alert">{escape(texts.connection_lost)}</p>'
    )
    if st.session_state.get(VISIT_LOST) and visit.job_inputs is None:
        st.info(texts.visit_lost, icon=":material/history:")
    return texts


def _set_up_browser(visit: Visit, megabytes: int, texts: Texts) -> None:
    """Set the page's language, and its address, by which the visit is found again when it is reloaded."""
    overrides = {selector: text.format(megabytes=megabytes) for selector, text in texts.streamlit_texts.items()}
    values = json.dumps({VISIT: visit.token, LANGUAGE: texts.language})
    st.html(
        f"""<style>{text_overrides(overrides)}</style><script>{{
const page = document.documentElement, address = new URL(window.location.href);
page.lang = "{texts.language}";
page.dir = "{texts.direction}";
page.toggleAttribute("data-insecure", !window.isSecureContext);
for (const [name, value] of Object.entries({values})) address.searchParams.set(name, value);
window.history.replaceState(window.history.state, "", address);
}}</script>""",
        unsafe_allow_javascript=True,
    )


@st.cache_resource(show_spinner=False)
def studio_state() -> StudioState:
    """Return what all visits share: one for the server."""
    return shared_state()


def current_visit(state: StudioState) -> Visit:
    """Return this page's visit: the session's; that of the page which was reloaded; or a new one."""
    visit = st.session_state.get(VISIT)
    if not isinstance(visit, Visit) or visit.folder.closed:
        visit = st.session_state[VISIT] = _reopened_visit(state) or state.visits.begin(_page_check())
        visit.initial_values.setdefault(LANGUAGE, _initial_language())
    visit.folder.touch()
    return visit


def _initial_language() -> str:
    """Return the language in the page's address, or else the browser's."""
    language = st.query_params.get(LANGUAGE)
    return language if language is not None and language in LANGUAGES else preferred_language(st.context.locale)


def _reopened_visit(state: StudioState) -> Visit | None:
    """Return the visit that the page had before it was reloaded, or its connection was lost for long."""
    token = st.query_params.get(VISIT)
    if token is None:
        return None
    visit = state.visits.reopen(token, _page_check())
    st.session_state[VISIT_LOST] = visit is None and not state.visits.is_open(token)
    return visit


def _page_check() -> Callable[[], bool]:
    """Return a function by which other threads check whether this page is still open."""
    context = get_script_run_ctx()
    if context is None:
        return lambda: True
    session = context.session_id
    return lambda: runtime.exists() and runtime.get_instance().is_active_session(session)
