"""The page, from top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mouthpiece.apps.studio.bench import Bench, shared_bench
from mouthpiece.apps.studio.looks import STYLE
from mouthpiece.apps.studio.making import result_card, video_card
from mouthpiece.apps.studio.steps import face_card, speech_card
from mouthpiece.apps.studio.visits import Visit

ICON = Path(__file__).with_name("icon.svg")
HEAD = """<p class="mp-name">mouthpiece studio</p>
<h1 class="mp-title">Make a face speak</h1>
<p class="mp-lead">Choose a face, give it speech, get a video.
Your files stay on this server and go when you leave.</p>"""


def show() -> None:
    """Draw the page as it should be now."""
    st.set_page_config(page_title="mouthpiece studio", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    st.html(HEAD)
    bench = the_bench()
    visit = the_visit(bench)
    choose, make = st.columns([7, 5], gap="large")
    with choose:
        with st.container(border=True, key="face-card"):
            face = face_card(bench, visit)
        with st.container(border=True, key="speech-card"):
            speech = speech_card(bench, visit)
    with make:
        with st.container(border=True, key="video-card"):
            video_card(bench, visit, face, speech)
        result_card(visit)


@st.cache_resource(show_spinner=False)
def the_bench() -> Bench:
    """What all visits share: one for the server."""
    return shared_bench()


def the_visit(bench: Bench) -> Visit:
    """This page's visit; a new one where the last was over."""
    visit = st.session_state.get("visit")
    if not isinstance(visit, Visit) or visit.folder.closed:
        visit = st.session_state["visit"] = Visit.begin(bench, _is_open())
    visit.folder.touch()
    return visit


def _is_open() -> Callable[[], bool]:
    """Whether this page is still open, for other threads to ask."""
    context = get_script_run_ctx()
    if context is None:
        return lambda: True
    session = context.session_id
    return lambda: runtime.exists() and runtime.get_instance().is_active_session(session)
