"""The page's first two cards: the face, the speech."""

from __future__ import annotations

from enum import StrEnum
from html import escape
from pathlib import Path
from typing import Final, TypeVar

import streamlit as st

from mouthpiece import samples
from mouthpiece.apps.cli.console import clock
from mouthpiece.apps.studio.formatting import length, told
from mouthpiece.apps.studio.ingest import Face, Speech, known_face, known_speech
from mouthpiece.apps.studio.state import StudioState
from mouthpiece.apps.studio.translations import Texts
from mouthpiece.apps.studio.visits import Refused, Visit
from mouthpiece.apps.web import MEGABYTE, Limits

SAMPLE_NAMES = {"en": "English sample", "ar": "عيّنة عربية"}
Given = TypeVar("Given", Face, Speech)
PREVIEW = 200
"""Width of an uploaded face's picture, pixels."""
CAMERA: Final = "1080p"
"""Asked of cameras, which give what they have; otherwise a picture is only as large as it is shown."""


class FaceFrom(StrEnum):
    """Where the face comes from."""

    GALLERY = "gallery"
    UPLOAD = "upload"
    CAMERA = "camera"


class SpeechFrom(StrEnum):
    """Where the speech comes from."""

    RECORD = "record"
    UPLOAD = "upload"
    SAMPLE = "samples"


FACE_ICONS = {
    FaceFrom.GALLERY: ":material/grid_view:",
    FaceFrom.UPLOAD: ":material/upload:",
    FaceFrom.CAMERA: ":material/photo_camera:",
}
SPEECH_ICONS = {
    SpeechFrom.RECORD: ":material/mic:",
    SpeechFrom.UPLOAD: ":material/upload:",
    SpeechFrom.SAMPLE: ":material/music_note:",
}


def step(number: int, title: str) -> None:
    """A card's heading."""
    st.html(f'<h2 class="mp-step"><span>{number}</span>{escape(title)}</h2>')


def quiet(text: str) -> None:
    """A few words by the way."""
    st.html(f'<p class="mp-quiet">{escape(text)}</p>')


def named(name: str, about: str = "") -> None:
    """A file's name, whatever its direction, and a few words about it."""
    st.html(
        f'<div><bdi class="mp-file" dir="auto">{escape(name)}</bdi> <span class="mp-about">{escape(about)}</span></div>'
    )


def face_card(bench: StudioState, visit: Visit, say: Texts) -> Face | None:
    """Choose who speaks."""
    step(1, say.face)
    source = st.segmented_control(
        say.where_face,
        list(FaceFrom),
        default=visit.stood_at.get("face-from", FaceFrom.GALLERY),
        required=True,
        format_func=lambda value: f"{FACE_ICONS[value]} {getattr(say, value)}",
        key="face-from",
        label_visibility="collapsed",
        width="stretch",
        wrap=False,
    )
    if source == FaceFrom.UPLOAD:
        return _uploaded_face(bench, visit, say)
    if source == FaceFrom.CAMERA:
        return _camera_face(bench, visit, say)
    return _gallery(visit, say)


def speech_card(bench: StudioState, visit: Visit, say: Texts) -> Speech | None:
    """Choose what is said."""
    step(2, say.speech)
    source = st.segmented_control(
        say.where_speech,
        list(SpeechFrom),
        default=visit.stood_at.get("speech-from", SpeechFrom.RECORD),
        required=True,
        format_func=lambda value: f"{SPEECH_ICONS[value]} {getattr(say, value)}",
        key="speech-from",
        label_visibility="collapsed",
        width="stretch",
        wrap=False,
    )
    if source == SpeechFrom.UPLOAD:
        return _uploaded_speech(bench, visit, say)
    if source == SpeechFrom.SAMPLE:
        return _sample_speech(visit, say)
    return _recorded_speech(bench, visit, say)


def _gallery(visit: Visit, say: Texts) -> Face:
    people = gallery(say.language)
    chosen = st.session_state.setdefault("avatar", visit.stood_at.get("avatar", people[0].token))
    with st.container(horizontal=True, gap="small", key="gallery"):
        for face in people:
            with st.container(key=f"tile-{face.token}"):
                st.image(face.still, width="stretch", alt="")
                st.button(
                    face.name,
                    key=f"avatar-{face.token}",
                    type="primary" if face.token == chosen else "secondary",
                    on_click=_choose_avatar,
                    args=(face.token,),
                    width="stretch",
                )
    quiet(say.drawn)
    return next(face for face in people if face.token == chosen)


def _choose_avatar(token: str) -> None:
    st.session_state["avatar"] = token


@st.cache_resource(show_spinner=False)
def gallery(language: str) -> list[Face]:
    """Faces that come with mouthpiece."""
    return [known_face(avatar.path, avatar.title(language), avatar.name) for avatar in samples.avatars()]


@st.cache_resource(show_spinner=False)
def sample(language: str) -> Speech:
    """Speech that comes with mouthpiece."""
    path: Path = samples.sample_speech(language)
    return known_speech(path, SAMPLE_NAMES[language], f"sample-{language}", Limits())


def _uploaded_face(bench: StudioState, visit: Visit, say: Texts) -> Face | None:
    sent = st.file_uploader(
        say.face_file, key="face-upload", max_upload_size=bench.settings.limits.most_bytes // MEGABYTE
    )
    if sent is not None:
        with st.spinner(say.looking):
            face = _taken(visit.sent_face(bench, sent, sent.name, sent.file_id, FaceFrom.UPLOAD), say)
    else:
        face = visit.face_before(FaceFrom.UPLOAD)
    if face is not None:
        _show_face(face, say)
    return face


def _camera_face(bench: StudioState, visit: Visit, say: Texts) -> Face | None:
    _needs_https(say)
    sent = st.camera_input(say.look_here, key="face-camera", resolution=CAMERA)
    if sent is not None:
        given = visit.sent_face(bench, sent, say.your_picture, sent.file_id, FaceFrom.CAMERA, told_as="from the camera")
        return _taken(given, say)
    face = visit.face_before(FaceFrom.CAMERA)
    if face is not None:
        _show_face(face, say)
    return face


def _needs_https(say: Texts) -> None:
    """Why there is no camera and no microphone; shown where the browser has none for the page."""
    st.html(f'<p class="mp-insecure" role="note">{escape(say.insecure)}</p>')


def _taken(given: Given | Refused, say: Texts) -> Given | None:
    """What was sent, if it is of use; else why not."""
    if isinstance(given, Refused):
        st.error(told(say, given.error), icon=":material/error:")
        return None
    return given


def _show_face(face: Face, say: Texts) -> None:
    st.image(face.still, width=PREVIEW, alt=face.name)
    named(face.name, _about(face, say))


def _about(face: Face, say: Texts) -> str:
    size = f"{face.width} × {face.height}"
    if not face.is_video:
        return size
    return " · ".join([say.is_video, size] + ([length(say, face.duration_s)] if face.duration_s else []))


def _recorded_speech(bench: StudioState, visit: Visit, say: Texts) -> Speech | None:
    _needs_https(say)
    sent = st.audio_input(say.press_and_speak, sample_rate=16_000, key="record")
    if sent is not None:
        given = visit.sent_speech(
            bench, sent, say.your_recording, sent.file_id, SpeechFrom.RECORD, told_as="the recording"
        )
        return _taken(given, say)
    speech = visit.speech_before(SpeechFrom.RECORD)
    if speech is not None:
        _show_speech(speech, say)
    return speech


def _uploaded_speech(bench: StudioState, visit: Visit, say: Texts) -> Speech | None:
    limits = bench.settings.limits
    sent = st.file_uploader(
        say.speech_file.format(length=clock(limits.most_s)),
        key="speech-upload",
        max_upload_size=limits.most_bytes // MEGABYTE,
    )
    if sent is not None:
        with st.spinner(say.listening):
            speech = _taken(visit.sent_speech(bench, sent, sent.name, sent.file_id, SpeechFrom.UPLOAD), say)
    else:
        speech = visit.speech_before(SpeechFrom.UPLOAD)
    if speech is not None:
        _show_speech(speech, say)
    return speech


def _show_speech(speech: Speech, say: Texts) -> None:
    named(speech.name, length(say, speech.seconds))
    st.audio(speech.wav, format="audio/wav")


def _sample_speech(visit: Visit, say: Texts) -> Speech:
    language = st.pills(
        say.samples,
        list(samples.LANGUAGES),
        default=visit.stood_at.get("sample", say.language),
        required=True,
        format_func=lambda code: SAMPLE_NAMES[code],
        key="sample",
        label_visibility="collapsed",
    )
    speech = sample(language or samples.LANGUAGES[0])
    st.audio(speech.wav, format="audio/wav")
    quiet(say.synthetic)
    return speech
