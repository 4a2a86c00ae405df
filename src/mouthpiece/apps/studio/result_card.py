"""The page's third card: the options of the video, its progress, the video itself."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TypeVar

import streamlit as st

from mouthpiece.apps.studio import formatting, networks
from mouthpiece.apps.studio.ingest import ChosenFace, ChosenSpeech
from mouthpiece.apps.studio.input_cards import show_file_name, show_heading, show_hint
from mouthpiece.apps.studio.job_options import RESTS, JobOptions
from mouthpiece.apps.studio.jobs import JobState
from mouthpiece.apps.studio.state import StudioState
from mouthpiece.apps.studio.translations import Texts
from mouthpiece.apps.studio.visits import Visit
from mouthpiece.errors import EngineError
from mouthpiece.options import Quality
from mouthpiece.types import EngineInfo

POLL_S = 0.5
"""How often a page asks for the progress of its video, seconds."""
Name = TypeVar("Name", bound=str)


def video_card(
    state: StudioState, visit: Visit, face: ChosenFace | None, speech: ChosenSpeech | None, texts: Texts
) -> None:
    """Show the options of the video, the button that makes it, and its progress."""
    show_heading(3, texts.video)
    busy = visit.is_busy()
    shown = visit.job_inputs if busy and visit.job_inputs else (face, speech)
    _show_inputs(*shown, texts)
    _show_animations(shown[0], texts)
    place = st.container(key="making")  # above what may be chosen, so that it needs no scrolling
    options, ready = _choose_options(visit, face, texts)
    with place:
        if busy:
            _show_progress(visit, texts)
            return
        st.button(
            texts.make,
            key="make",
            type="primary",
            icon=":material/movie:",
            width="stretch",
            disabled=face is None or speech is None or not ready,
            on_click=visit.start,
            args=(state.jobs, state.networks, face, speech, options),
        )
        if face is None or speech is None:
            show_hint(texts.missing_inputs(face is None, speech is None))
        if visit.is_about(face, speech):
            _show_failure(visit, texts)


def _show_inputs(face: ChosenFace | None, speech: ChosenSpeech | None, texts: Texts) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="summary"):
        if face is None and speech is None:
            return
        if face is not None:
            st.image(face.preview, width=56, alt="")
        with st.container(gap=None):
            if face is not None:
                show_file_name(face.name)
            if speech is not None:
                show_file_name(speech.name, formatting.format_duration(texts, speech.duration_s))


def _show_animations(face: ChosenFace | None, texts: Texts) -> None:
    """Show the kinds of animation. That of a photo's whole face has its place here."""
    with st.container(horizontal=True, gap="small", key="animation"):
        st.button(texts.animate_lips, key="animation-fast", type="primary", icon=":material/bolt:")
        st.button(
            texts.animate_whole_face,
            key="animation-whole",
            disabled=True,
            icon=":material/hourglass_empty:",
            help=texts.coming_later,
        )
    show_hint(texts.moves_video if face is not None and face.is_video else texts.moves_photo)


def _choose_options(visit: Visit, face: ChosenFace | None, texts: Texts) -> tuple[JobOptions, bool]:
    """Show the options that have defaults; return them, and whether the engine can run."""
    default, before = JobOptions(), visit.initial_values
    with st.expander(texts.more_options, icon=":material/tune:"):
        engines = {
            name: texts.engine_names.get(name, formatting.escape_markdown(name)) for name in networks.offered_engines()
        }
        engine = _choose_name(visit, texts, "engine", texts.engine, engines)
        checkpoint, info = _choose_checkpoint(engine, texts)
        supported = networks.supported_options(engine)
        intensity, rest = default.intensity, default.rest
        if "intensity" in supported:
            start = before.get("intensity", intensity)
            intensity = st.slider(texts.intensity, 0.2, 2.0, start, 0.1, format="%.1f×", key="intensity")
        if "rest" in supported:
            rest = RESTS[_choose_name(visit, texts, "rest", texts.rest, texts.rest_names)]
        fit = default.fit
        if face is not None and face.is_video:
            fit = _choose_name(visit, texts, "fit", texts.fit, texts.fit_names)
        face_rule = _choose_name(visit, texts, "which", texts.face_choice, texts.face_choice_names)
        quality = st.segmented_control(
            texts.quality,
            list(Quality),
            default=before.get("quality", default.quality),
            required=True,
            format_func=texts.quality_names.__getitem__,
            key="quality",
        )
        full_size = st.toggle(texts.full_size, before.get("full-size", False), key="full-size")
    if not info.ready:
        st.warning(formatting.error_message(texts, EngineError(info.weights)), icon=":material/download:")
    quality = quality or default.quality
    return JobOptions(engine, checkpoint, intensity, rest, fit, quality, face_rule, full_size), info.ready


def _choose_name(visit: Visit, texts: Texts, key: str, title: str, titles: Mapping[Name, str]) -> Name:
    """Show a menu of names, the first of them unless another was chosen; return the name.

    Each language has a key of its own, as browsers send a name's title, and not the name.
    """
    names = list(titles)
    start = visit.initial_values.get(key)
    name = st.selectbox(
        title,
        names,
        names.index(start) if start in names else 0,
        format_func=titles.__getitem__,
        key=f"{key}-{texts.language}",
    )
    visit.control_values[key] = name
    return name


def _choose_checkpoint(engine: str, texts: Texts) -> tuple[str | None, EngineInfo]:
    """Show the checkpoints that an engine can choose from, and their terms; return the choice and the description."""
    names, checkpoint = networks.cached_checkpoints(engine), None
    if len(names) > 1:
        checkpoint = st.selectbox(texts.checkpoint, names, format_func=formatting.escape_markdown, key="checkpoint")
    info = networks.describe_engine(engine, checkpoint)
    if info.licence and engine != networks.DEFAULT_ENGINE:
        st.caption(formatting.escape_markdown(texts.licence_terms.format(terms=info.licence)))
    return checkpoint, info


@st.fragment(run_every=POLL_S)
def _show_progress(visit: Visit, texts: Texts) -> None:
    """Show the job's progress, again and again; other parts of the page stay as they are."""
    if visit.job is None or not visit.is_busy():
        st.rerun()
        return
    status = visit.job.status
    st.progress(formatting.progress_fraction(status), text=formatting.progress_line(texts, status))
    st.button(texts.cancel, key="cancel", icon=":material/close:", width="stretch", on_click=visit.job.cancel)


def _show_failure(visit: Visit, texts: Texts) -> None:
    """Show why there is no video."""
    status = visit.job.status if visit.job is not None else None
    error = visit.start_error or (status.error if status else None)
    if error is not None:
        st.error(formatting.error_message(texts, error), icon=":material/error:")
    elif status is not None and status.state is JobState.CANCELLED:
        st.info(texts.cancelled, icon=":material/block:")


def result_card(visit: Visit, texts: Texts) -> None:
    """Show the video, when there is one, and how it was made."""
    result = visit.job.status.result if visit.job is not None else None
    if result is None or visit.job_inputs is None or not result.path.is_file():
        return
    with st.container(border=True, key="result"):
        st.video(str(result.path), alt=texts.video_label)
        # Of the job's inputs: the page may stand at others by now.
        names = (f'<bdi class="mp-file" dir="auto">{escape(chosen.name)}</bdi>' for chosen in visit.job_inputs)
        st.html(f'<div class="mp-made-of">{" · ".join(names)}</div>')
        st.download_button(
            texts.download,
            data=result.path.read_bytes,  # read when it is asked for
            file_name="mouthpiece.mp4",
            mime="video/mp4",
            key="download",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
        lines = "".join(f"<li>{escape(line)}</li>" for line in formatting.summary_lines(texts, result))
        st.html(f'<ul class="mp-facts">{lines}</ul>')
        for message in formatting.warning_messages(texts, result):
            st.warning(message, icon=":material/info:")
        _scroll_to_video(result.path.stem)


def _scroll_to_video(name: str) -> None:
    """Scroll to the video once it is loaded; the script carries its name, as the same one would not run again."""
    st.html(
        f"""<script>{{ /* {name} */
let tries = 100;
const look = () => {{
  const video = document.querySelector(".st-key-result video");
  if (video && video.readyState > 0) video.scrollIntoView({{behavior: "smooth", block: "nearest"}});
  else if (tries--) setTimeout(look, 100);
}};
look();
}}</script>""",
        unsafe_allow_javascript=True,
    )
