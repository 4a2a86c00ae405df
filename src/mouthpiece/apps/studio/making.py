"""The page's third card: how the video is made, its making, and the video."""

from __future__ import annotations

from html import escape

import streamlit as st

from mouthpiece.apps.studio.bench import DEFAULT_ENGINE, Bench
from mouthpiece.apps.studio.jobs import State
from mouthpiece.apps.studio.orders import Choices
from mouthpiece.apps.studio.steps import named, step
from mouthpiece.apps.studio.taking import Face, Speech
from mouthpiece.apps.studio.visits import Visit
from mouthpiece.apps.studio.words import facts, length, notes, plain, progress_line, sentence, share_done
from mouthpiece.engines.base import EngineOptions, NetworkOptions
from mouthpiece.engines.registry import engine_names, load_engine
from mouthpiece.errors import MouthpieceError
from mouthpiece.pipeline import Fit, Quality
from mouthpiece.types import EngineInfo

POLL_S = 0.5
"""How often a page asks how far its video is, seconds."""
NOT_OFFERED = ("fake",)
"""Engines for tests."""
ENGINE_NAMES = {"mesh": "Mesh: quick, as sharp as the picture", "wav2lip": "Wav2Lip: a published network"}
FITS = {
    Fit.PINGPONG: "goes on backwards, then forwards",
    Fit.LOOP: "starts again",
    Fit.HOLD: "stays on its last picture",
    Fit.CUT: "ends, and the speech with it",
}
QUALITIES = {Quality.DRAFT: "Draft", Quality.GOOD: "Good", Quality.BEST: "Best"}
WHICH = {"largest": "The largest", "left": "The leftmost", "right": "The rightmost"}
RESTS: dict[str, float | None] = {
    "As the face does": None,
    "Closed": 0.0,
    "Hardly open": 0.1,
    "A little open": 0.25,
    "Open": 0.5,
}


def video_card(bench: Bench, visit: Visit, face: Face | None, speech: Speech | None) -> None:
    """Make the video and show it."""
    step(3, "Video")
    _summary(face, speech)
    _animation(face)
    choices, ready = _more(face)
    if visit.is_busy():
        _watch(visit)
        return
    can = face is not None and speech is not None and ready
    st.button(
        "Make the video",
        key="make",
        type="primary",
        icon=":material/movie:",
        width="stretch",
        disabled=not can,
        on_click=_start,
        args=(bench, visit, face, speech, choices),
    )
    if face is None or speech is None:
        missing = " and ".join(what for what, given in (("a face", face), ("speech", speech)) if given is None)
        st.html(f'<p class="mp-quiet">It still needs {missing}.</p>')
    _trouble(visit)


def _start(bench: Bench, visit: Visit, face: Face | None, speech: Speech | None, choices: Choices) -> None:
    if face is not None and speech is not None:
        visit.start(bench, face, speech, choices)


def _summary(face: Face | None, speech: Speech | None) -> None:
    if face is None and speech is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="summary"):
        if face is not None:
            st.image(face.still, width=56, alt="")
        with st.container(gap=None):
            if face is not None:
                named(face.name)
            if speech is not None:
                named(speech.name, length(speech.seconds))


def _animation(face: Face | None) -> None:
    """What moves. Animating a photo's whole face has its place here."""
    with st.container(horizontal=True, gap="small", key="animation"):
        st.button("Fast animation", key="animation-fast", type="primary", icon=":material/bolt:")
        st.button(
            "Whole face", key="animation-whole", disabled=True, icon=":material/hourglass_empty:", help="Comes later"
        )
    moves = (
        "The lips are made anew; the rest of the face moves as in your video."
        if face is not None and face.is_video
        else "The lips move; the rest of the photo stays still. Moving the whole face comes later."
    )
    st.html(f'<p class="mp-quiet">{moves}</p>')


def _more(face: Face | None) -> tuple[Choices, bool]:
    """What suits most as it is; and whether the engine can run."""
    with st.expander("More", icon=":material/tune:"):
        names = [name for name in engine_names() if name not in NOT_OFFERED]
        engine = st.selectbox(
            "Engine", names, format_func=lambda name: ENGINE_NAMES.get(name, plain(name)), key="engine"
        )
        heeds, checkpoint, ready = _engine(engine or DEFAULT_ENGINE)
        intensity, rest = 1.0, None
        if "intensity" in heeds:
            intensity = st.slider("How far the mouth moves", 0.2, 2.0, 1.0, 0.1, format="%.1f×", key="intensity")
        if "rest" in heeds:
            rest = RESTS[st.selectbox("Lips between words", list(RESTS), key="rest")]
        fit: Fit | None = Fit.PINGPONG
        if face is not None and face.is_video:
            fit = st.selectbox(
                "A video shorter than the speech",
                list(FITS),
                index=0,
                format_func=FITS.__getitem__,
                key="fit",
            )
        which = st.selectbox("Where several faces are seen", list(WHICH), format_func=WHICH.__getitem__, key="which")
        quality = st.segmented_control(
            "Quality",
            list(Quality),
            default=Quality.GOOD,
            required=True,
            format_func=QUALITIES.__getitem__,
            key="quality",
        )
        full_size = st.toggle("Keep very large pictures as large as they are", key="full-size")
    if not ready:
        st.warning(sentence(_described(engine or DEFAULT_ENGINE, checkpoint).weights), icon=":material/download:")
    return Choices(
        engine or DEFAULT_ENGINE,
        checkpoint,
        intensity,
        rest,
        fit or Fit.PINGPONG,
        quality or Quality.GOOD,
        which,
        full_size,
    ), ready


def _engine(name: str) -> tuple[frozenset[str], str | None, bool]:
    """What an engine heeds, which of its weights to run, and whether it can."""
    try:
        heeds = load_engine(name).heeds
    except MouthpieceError:
        return frozenset(), None, False
    checkpoint = None
    if name == "wav2lip":
        here = _weights_here()
        if len(here) > 1:
            checkpoint = st.selectbox("Weights", here, format_func=plain, key="checkpoint")
    info = _described(name, checkpoint)
    if info.licence and name != DEFAULT_ENGINE:
        st.caption(plain(f"Terms of its weights: {info.licence}"))
    return heeds, checkpoint, info.ready


def _weights_here() -> list[str]:
    """Published weights that lie in the cache, by name."""
    from mouthpiece.checkpoints.cache import cached_path
    from mouthpiece.checkpoints.catalogue import GENERATORS

    return [name for name in GENERATORS if cached_path(name) is not None]


def _described(name: str, checkpoint: str | None) -> EngineInfo:
    """An engine's word about itself; a broken one's is why it is."""
    options = EngineOptions(network=NetworkOptions(checkpoint=checkpoint))
    try:
        return load_engine(name).describe(options)
    except Exception as error:  # another package's engine must not take the page with it
        said = str(error) if isinstance(error, MouthpieceError) else f"{type(error).__name__}: {error}"
        return EngineInfo(name, "", 0.0, "", options.device, said, ready=False)


@st.fragment(run_every=POLL_S)
def _watch(visit: Visit) -> None:
    """How far the video is, asked again and again; other parts of the page stay as they are."""
    if visit.job is None or not visit.is_busy():
        st.rerun()
        return
    standing = visit.job.standing
    st.progress(share_done(standing), text=progress_line(standing))
    st.button("Cancel", key="cancel", icon=":material/close:", width="stretch", on_click=visit.job.cancel)


def _trouble(visit: Visit) -> None:
    """Why there is no video."""
    if visit.trouble is not None:
        st.error(sentence(visit.trouble), icon=":material/error:")
    if visit.job is None:
        return
    standing = visit.job.standing
    if standing.state is State.CANCELLED:
        st.info("Cancelled. Nothing was kept.", icon=":material/block:")
    elif standing.error is not None:
        st.error(sentence(str(standing.error)), icon=":material/error:")


def result_card(visit: Visit) -> None:
    """The video, when there is one, and what was done."""
    result = visit.job.standing.result if visit.job is not None else None
    if result is None or visit.made_of is None or not result.path.is_file():
        return
    with st.container(border=True, key="result"):
        st.video(str(result.path), alt="The video that was made")
        st.download_button(
            "Download",
            data=result.path.read_bytes,  # read when it is asked for
            file_name="mouthpiece.mp4",
            mime="video/mp4",
            key="download",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
        lines = "".join(f"<li>{escape(line)}</li>" for line in facts(result))
        st.html(f'<ul class="mp-facts">{lines}</ul>')
        for note in notes(result):
            st.warning(sentence(note), icon=":material/info:")
