"""The page's third card: how the video is made, its making, and the video."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TypeVar

import streamlit as st

from mouthpiece.apps.studio.formatting import facts, length, notes, plain, progress_line, sentence, share_done, told
from mouthpiece.apps.studio.ingest import Face, Speech
from mouthpiece.apps.studio.input_cards import named, quiet, step
from mouthpiece.apps.studio.job_options import RESTS, Choices
from mouthpiece.apps.studio.jobs import State
from mouthpiece.apps.studio.state import DEFAULT_ENGINE, StudioState
from mouthpiece.apps.studio.translations import Texts
from mouthpiece.apps.studio.visits import Visit
from mouthpiece.engines.registry import engine_names, load_engine
from mouthpiece.errors import EngineError, MouthpieceError
from mouthpiece.options import EngineOptions, Quality
from mouthpiece.types import EngineInfo

POLL_S = 0.5
"""How often a page asks how far its video is, seconds."""
Name = TypeVar("Name", bound=str)
NOT_OFFERED = ("fake",)
"""Engines for tests."""


def video_card(bench: StudioState, visit: Visit, face: Face | None, speech: Speech | None, say: Texts) -> None:
    """Make the video and show it."""
    step(3, say.video)
    busy = visit.is_busy()
    shown = visit.made_of if busy and visit.made_of else (face, speech)
    _summary(*shown, say)
    _animation(shown[0], say)
    place = st.container(key="making")  # above what may be chosen, so that it needs no scrolling
    choices, ready = _more(visit, face, say)
    with place:
        if busy:
            _watch(visit, say)
            return
        st.button(
            say.make,
            key="make",
            type="primary",
            icon=":material/movie:",
            width="stretch",
            disabled=face is None or speech is None or not ready,
            on_click=_start,
            args=(bench, visit, face, speech, choices),
        )
        if face is None or speech is None:
            quiet(say.needs(face is None, speech is None))
        if visit.is_about(face, speech):
            _trouble(visit, say)


def _start(bench: StudioState, visit: Visit, face: Face | None, speech: Speech | None, choices: Choices) -> None:
    if face is not None and speech is not None:
        visit.start(bench, face, speech, choices)


def _summary(face: Face | None, speech: Speech | None, say: Texts) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="summary"):
        if face is None and speech is None:
            return
        if face is not None:
            st.image(face.still, width=56, alt="")
        with st.container(gap=None):
            if face is not None:
                named(face.name)
            if speech is not None:
                named(speech.name, length(say, speech.seconds))


def _animation(face: Face | None, say: Texts) -> None:
    """What moves. Animating a photo's whole face has its place here."""
    with st.container(horizontal=True, gap="small", key="animation"):
        st.button(say.fast, key="animation-fast", type="primary", icon=":material/bolt:")
        st.button(
            say.whole_face, key="animation-whole", disabled=True, icon=":material/hourglass_empty:", help=say.later
        )
    quiet(say.moves_video if face is not None and face.is_video else say.moves_photo)


def _more(visit: Visit, face: Face | None, say: Texts) -> tuple[Choices, bool]:
    """What suits most as it is; and whether the engine can run."""
    usual, before = Choices(), visit.stood_at
    with st.expander(say.more, icon=":material/tune:"):
        engine = _one_of(visit, say, "engine", say.engine, _offered(say))
        supported_options, checkpoint, info = _engine(engine, say)
        intensity, rest = usual.intensity, usual.rest
        if "intensity" in supported_options:
            start = before.get("intensity", intensity)
            intensity = st.slider(say.intensity, 0.2, 2.0, start, 0.1, format="%.1f×", key="intensity")
        if "rest" in supported_options:
            rest = RESTS[_one_of(visit, say, "rest", say.rest, say.rests)]
        fit = usual.fit
        if face is not None and face.is_video:
            fit = _one_of(visit, say, "fit", say.fit, say.fits)
        which = _one_of(visit, say, "which", say.which, say.whiches)
        quality = st.segmented_control(
            say.quality,
            list(Quality),
            default=before.get("quality", usual.quality),
            required=True,
            format_func=say.qualities.__getitem__,
            key="quality",
        )
        full_size = st.toggle(say.full_size, before.get("full-size", False), key="full-size")
    if not info.ready:
        st.warning(told(say, EngineError(info.weights)), icon=":material/download:")
    return Choices(engine, checkpoint, intensity, rest, fit, quality or usual.quality, which, full_size), info.ready


def _offered(say: Texts) -> Mapping[str, str]:
    """Engines and what they are called, the usual one first."""
    names = sorted(set(engine_names()) - set(NOT_OFFERED), key=lambda name: (name != DEFAULT_ENGINE, name))
    return {name: say.engines.get(name, plain(name)) for name in names}


def _one_of(visit: Visit, say: Texts, key: str, title: str, called: Mapping[Name, str]) -> Name:
    """One of several names: the first unless another was chosen.

    Each language has a key of its own, as browsers send what a name is called, and not the name.
    """
    names = list(called)
    start = visit.stood_at.get(key)
    name = st.selectbox(
        title,
        names,
        names.index(start) if start in names else 0,
        format_func=called.__getitem__,
        key=f"{key}-{say.language}",
    )
    visit.chosen[key] = name
    return name


def _engine(name: str, say: Texts) -> tuple[frozenset[str], str | None, EngineInfo]:
    """What an engine heeds, which of its weights to run, and its word about itself."""
    checkpoint = None
    if name == "wav2lip":
        here = _weights_here()
        if len(here) > 1:
            checkpoint = st.selectbox(say.weights, here, format_func=plain, key="checkpoint")
    info = _described(name, checkpoint)
    if info.licence and name != DEFAULT_ENGINE:
        st.caption(plain(say.terms.format(terms=info.licence)))
    try:
        return load_engine(name).supported_options, checkpoint, info
    except MouthpieceError:
        return frozenset(), None, info


def _weights_here() -> list[str]:
    """Published weights that lie in the cache, by name."""
    from mouthpiece.checkpoints.store import cached_path
    from mouthpiece.networks.published_weights import GENERATORS

    return [name for name in GENERATORS if cached_path(name) is not None]


def _described(name: str, checkpoint: str | None) -> EngineInfo:
    """An engine's word about itself; a broken one's is why it is."""
    options = EngineOptions(name, own={"checkpoint": checkpoint} if checkpoint else {})
    try:
        return load_engine(name).describe(options)
    except Exception as error:  # another package's engine must not take the page with it
        said = str(error) if isinstance(error, MouthpieceError) else f"{type(error).__name__}: {error}"
        return EngineInfo(name, "", 0.0, "", options.device, said, ready=False)


@st.fragment(run_every=POLL_S)
def _watch(visit: Visit, say: Texts) -> None:
    """How far the video is, asked again and again; other parts of the page stay as they are."""
    if visit.job is None or not visit.is_busy():
        st.rerun()
        return
    standing = visit.job.standing
    st.progress(share_done(standing), text=progress_line(say, standing))
    st.button(say.cancel, key="cancel", icon=":material/close:", width="stretch", on_click=visit.job.cancel)


def _trouble(visit: Visit, say: Texts) -> None:
    """Why there is no video."""
    standing = visit.job.standing if visit.job is not None else None
    error = visit.trouble or (standing.error if standing else None)
    if error is not None:
        st.error(told(say, error), icon=":material/error:")
    elif standing is not None and standing.state is State.CANCELLED:
        st.info(say.cancelled, icon=":material/block:")


def result_card(visit: Visit, say: Texts) -> None:
    """The video, when there is one, and what was done."""
    result = visit.job.standing.result if visit.job is not None else None
    if result is None or visit.made_of is None or not result.path.is_file():
        return
    face, speech = visit.made_of
    with st.container(border=True, key="result"):
        st.video(str(result.path), alt=say.result)
        _made_of(face, speech)
        st.download_button(
            say.download,
            data=result.path.read_bytes,  # read when it is asked for
            file_name="mouthpiece.mp4",
            mime="video/mp4",
            key="download",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
        lines = "".join(f"<li>{escape(line)}</li>" for line in facts(say, result))
        st.html(f'<ul class="mp-facts">{lines}</ul>')
        for note in notes(result):
            st.warning(sentence(note), icon=":material/info:")
        _into_view(result.path.stem)


def _into_view(name: str) -> None:
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


def _made_of(face: Face, speech: Speech) -> None:
    """Names: the page may stand at others by now."""
    names = " · ".join(f'<bdi class="mp-file" dir="auto">{escape(given.name)}</bdi>' for given in (face, speech))
    st.html(f'<div class="mp-made-of">{names}</div>')
