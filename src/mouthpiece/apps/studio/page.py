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
from mouthpiece.apps.studio.state import StudioState, shared_bench
from mouthpiece.apps.studio.styles import STYLE, words_of_streamlit
from mouthpiece.apps.studio.translations import LANGUAGES, Texts, preferred
from mouthpiece.apps.studio.visits import Visit
from mouthpiece.apps.web import MEGABYTE

ICON = Path(__file__).with_name("icon.svg")
VISIT, LANGUAGE = "visit", "language"
"""Names in the page's address, and of what a session knows."""
KEPT = (LANGUAGE, "face-from", "avatar", "speech-from", "sample", "intensity", "quality", "full-size")
"""Keys of the controls that a page which is loaded anew begins with as they stood; `making` keeps the others."""


def show() -> None:
    """Draw the page as it should be now."""
    st.set_page_config(page_title="mouthpiece studio", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    bench = the_bench()
    visit = the_visit(bench)
    say = _head(visit)
    choose, make = st.columns([7, 5], gap="large")
    with choose:
        with st.container(border=True, key="face-card"):
            face = face_card(bench, visit, say)
        with st.container(border=True, key="speech-card"):
            speech = speech_card(bench, visit, say)
    with make:
        with st.container(border=True, key="video-card"):
            video_card(bench, visit, face, speech, say)
        result_card(visit, say)
    _tell_browser(bench, visit, say)
    visit.chosen |= {key: st.session_state[key] for key in KEPT if key in st.session_state}


def _head(visit: Visit) -> Texts:
    """What this is, and the switch between languages."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="bar"):
        st.html('<p class="mp-name">mouthpiece studio</p>')
        language = st.segmented_control(
            "Language, اللغة",
            list(LANGUAGES),
            default=visit.stood_at[LANGUAGE],
            required=True,
            format_func=lambda code: LANGUAGES[code].own_name,
            key=LANGUAGE,
            on_change=visit.switch_language,
            label_visibility="collapsed",
        )
    say = LANGUAGES[language or visit.stood_at[LANGUAGE]]
    st.html(
        f'<h1 class="mp-title">{escape(say.title)}</h1><p class="mp-lead">{escape(say.lead)}</p>'
        f'<p class="mp-lost" role="alert">{escape(say.lost)}</p>'
    )
    if st.session_state.get("gone") and visit.made_of is None:
        st.info(say.gone, icon=":material/history:")
    return say


def _tell_browser(bench: StudioState, visit: Visit, say: Texts) -> None:
    """The page's language; and its address, by which the visit is found again when it is loaded anew."""
    megabytes = bench.settings.limits.most_bytes // MEGABYTE
    words = {where: said.format(megabytes=megabytes) for where, said in say.streamlit.items()}
    values = json.dumps({VISIT: visit.token, LANGUAGE: say.language})
    st.html(
        f"""<style>{words_of_streamlit(words)}</style><script>{{
const page = document.documentElement, address = new URL(window.location.href);
page.lang = "{say.language}";
page.dir = "{say.direction}";
page.toggleAttribute("data-insecure", !window.isSecureContext);
for (const [name, value] of Object.entries({values})) address.searchParams.set(name, value);
window.history.replaceState(window.history.state, "", address);
}}</script>""",
        unsafe_allow_javascript=True,
    )


@st.cache_resource(show_spinner=False)
def the_bench() -> StudioState:
    """What all visits share: one for the server."""
    return shared_bench()


def the_visit(bench: StudioState) -> Visit:
    """This page's visit: the session's; that of the page which was loaded anew; or a new one."""
    visit = st.session_state.get(VISIT)
    if not isinstance(visit, Visit) or visit.folder.closed:
        visit = st.session_state[VISIT] = _found_again(bench) or Visit.begin(bench, _is_open())
        visit.stood_at.setdefault(LANGUAGE, _language())
    visit.folder.touch()
    return visit


def _language() -> str:
    """What the page's address asks for, or else the browser."""
    wanted = st.query_params.get(LANGUAGE)
    return wanted if wanted is not None and wanted in LANGUAGES else preferred(st.context.locale)


def _found_again(bench: StudioState) -> Visit | None:
    """What the page had before it was loaded anew, or its connection was lost for long."""
    token = st.query_params.get(VISIT)
    if token is None:
        return None
    visit = bench.left_visit(token, _is_open())
    if visit is not None:
        visit.come_back()
    st.session_state["gone"] = visit is None and not bench.knows(token)
    return visit


def _is_open() -> Callable[[], bool]:
    """Whether this page is still open, for other threads to ask."""
    context = get_script_run_ctx()
    if context is None:
        return lambda: True
    session = context.session_id
    return lambda: runtime.exists() and runtime.get_instance().is_active_session(session)
