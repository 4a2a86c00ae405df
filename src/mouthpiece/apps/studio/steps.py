"""The page's first two cards: the face, the speech."""

from __future__ import annotations

from enum import StrEnum
from html import escape
from pathlib import Path

import streamlit as st

from mouthpiece import samples
from mouthpiece.apps.studio.bench import Bench
from mouthpiece.apps.studio.taking import Face, Speech, known_face, known_speech
from mouthpiece.apps.studio.visits import Refused, Visit
from mouthpiece.apps.studio.words import length, sentence
from mouthpiece.apps.uploads import MEGABYTE, Limits, span

SAMPLE_NAMES = {"en": "English sample", "ar": "عيّنة عربية"}
PREVIEW = 200
"""Width of an uploaded face's picture, pixels."""


class FaceFrom(StrEnum):
    """Where the face comes from."""

    GALLERY = "Gallery"
    UPLOAD = "Upload"
    CAMERA = "Camera"


class SpeechFrom(StrEnum):
    """Where the speech comes from."""

    RECORD = "Record"
    UPLOAD = "Upload"
    SAMPLE = "Samples"


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


def named(name: str, about: str = "") -> None:
    """A file's name, whatever its direction, and a few words about it."""
    st.html(
        f'<div><bdi class="mp-file" dir="auto">{escape(name)}</bdi> <span class="mp-about">{escape(about)}</span></div>'
    )


def face_card(bench: Bench, visit: Visit) -> Face | None:
    """Choose who speaks."""
    step(1, "Face")
    source = st.segmented_control(
        "Where the face comes from",
        list(FaceFrom),
        default=FaceFrom.GALLERY,
        required=True,
        format_func=lambda value: f"{FACE_ICONS[value]} {value}",
        key="face-from",
        label_visibility="collapsed",
        width="stretch",
    )
    if source == FaceFrom.UPLOAD:
        return _uploaded_face(bench, visit)
    if source == FaceFrom.CAMERA:
        return _camera_face(bench, visit)
    return _gallery()


def speech_card(bench: Bench, visit: Visit) -> Speech | None:
    """Choose what is said."""
    step(2, "Speech")
    source = st.segmented_control(
        "Where the speech comes from",
        list(SpeechFrom),
        default=SpeechFrom.RECORD,
        required=True,
        format_func=lambda value: f"{SPEECH_ICONS[value]} {value}",
        key="speech-from",
        label_visibility="collapsed",
        width="stretch",
    )
    if source == SpeechFrom.UPLOAD:
        return _uploaded_speech(bench, visit)
    if source == SpeechFrom.SAMPLE:
        return _sample_speech()
    return _recorded_speech(bench, visit)


def _gallery() -> Face:
    people = gallery()
    chosen = st.session_state.setdefault("avatar", people[0].token)
    with st.container(horizontal=True, gap="small", key="gallery"):
        for face in people:
            with st.container(key=f"tile-{face.token}"):
                st.image(face.still, width="stretch", alt=face.name)
                st.button(
                    face.name,
                    key=f"avatar-{face.token}",
                    type="primary" if face.token == chosen else "secondary",
                    on_click=_choose_avatar,
                    args=(face.token,),
                    width="stretch",
                )
    st.html('<p class="mp-quiet">Drawn by a program: nobody’s likeness.</p>')
    return next(face for face in people if face.token == chosen)


def _choose_avatar(token: str) -> None:
    st.session_state["avatar"] = token


@st.cache_resource(show_spinner=False)
def gallery() -> list[Face]:
    """Faces that come with mouthpiece."""
    return [known_face(avatar.path, avatar.title(), avatar.name) for avatar in samples.avatars()]


@st.cache_resource(show_spinner=False)
def sample(language: str) -> Speech:
    """Speech that comes with mouthpiece."""
    path: Path = samples.sample_speech(language)
    return known_speech(path, SAMPLE_NAMES[language], f"sample-{language}", Limits())


def _uploaded_face(bench: Bench, visit: Visit) -> Face | None:
    sent = st.file_uploader(
        "A photo or a video with a face, seen from the front",
        key="face-upload",
        max_upload_size=bench.settings.limits.most_bytes // MEGABYTE,
    )
    if sent is None:
        return None
    with st.spinner("Looking at it"):
        face = visit.sent_face(bench, sent, sent.name, sent.file_id)
    if isinstance(face, Refused):
        st.error(sentence(face.why), icon=":material/error:")
        return None
    st.image(face.still, width=PREVIEW, alt=face.name)
    named(face.name, _about(face))
    return face


def _camera_face(bench: Bench, visit: Visit) -> Face | None:
    sent = st.camera_input("Look into the camera, mouth closed", key="face-camera")
    if sent is None:
        return None
    face = visit.sent_face(bench, sent, "Your picture", sent.file_id)
    if isinstance(face, Refused):
        st.error(sentence(face.why), icon=":material/error:")
        return None
    return face


def _about(face: Face) -> str:
    size = f"{face.width} × {face.height}"
    if not face.is_video:
        return size
    return f"video, {size}" + (f", {length(face.duration_s)}" if face.duration_s else "")


def _recorded_speech(bench: Bench, visit: Visit) -> Speech | None:
    sent = st.audio_input("Press the microphone, speak, press again. Then listen.", sample_rate=16_000, key="record")
    if sent is None:
        return None
    speech = visit.sent_speech(bench, sent, "Your recording", sent.file_id)
    if isinstance(speech, Refused):
        st.error(sentence(speech.why), icon=":material/error:")
        return None
    return speech


def _uploaded_speech(bench: Bench, visit: Visit) -> Speech | None:
    sent = st.file_uploader(
        f"A recording, or a video whose sound is taken; up to {span(bench.settings.limits.most_s)}",
        key="speech-upload",
        max_upload_size=bench.settings.limits.most_bytes // MEGABYTE,
    )
    if sent is None:
        return None
    with st.spinner("Listening to it"):
        speech = visit.sent_speech(bench, sent, sent.name, sent.file_id)
    if isinstance(speech, Refused):
        st.error(sentence(speech.why), icon=":material/error:")
        return None
    named(speech.name, length(speech.seconds))
    st.audio(speech.wav, format="audio/wav")
    return speech


def _sample_speech() -> Speech:
    language = st.pills(
        "Samples",
        list(samples.LANGUAGES),
        default=samples.LANGUAGES[0],
        required=True,
        format_func=lambda code: SAMPLE_NAMES[code],
        key="sample",
        label_visibility="collapsed",
    )
    speech = sample(language or samples.LANGUAGES[0])
    st.audio(speech.wav, format="audio/wav")
    st.html('<p class="mp-quiet">A synthetic voice.</p>')
    return speech
