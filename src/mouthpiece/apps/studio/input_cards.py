"""The page's first two cards: the face, the speech."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from html import escape
from typing import Final

import streamlit as st

from mouthpiece import samples
from mouthpiece.apps.durations import format_clock
from mouthpiece.apps.studio.formatting import error_message, format_duration
from mouthpiece.apps.studio.ingest import ChosenFace, ChosenSpeech, SentFile, load_face, load_speech
from mouthpiece.apps.studio.translations import Texts
from mouthpiece.apps.studio.visits import Chosen, RejectedUpload, UploadSlot, Visit
from mouthpiece.apps.web import MEGABYTE, Limits

SAMPLE_NAMES = {"en": "English sample", "ar": "عيّنة عربية"}
PREVIEW_WIDTH = 200
"""Width of an uploaded face's picture, pixels."""
CAMERA_RESOLUTION: Final = "1080p"
"""Asked of cameras, which give what they have; otherwise a picture is only as large as it is shown."""


class Origin(StrEnum):
    """Where a face or speech comes from; the values are names of `Texts`."""

    GALLERY = "gallery"
    UPLOAD = "upload"
    CAMERA = "camera"
    RECORD = "record"
    SAMPLE = "samples"


FACE_ICONS = {
    Origin.GALLERY: ":material/grid_view:",
    Origin.UPLOAD: ":material/upload:",
    Origin.CAMERA: ":material/photo_camera:",
}
SPEECH_ICONS = {
    Origin.RECORD: ":material/mic:",
    Origin.UPLOAD: ":material/upload:",
    Origin.SAMPLE: ":material/music_note:",
}


def show_heading(number: int, title: str) -> None:
    """Show a card's heading."""
    st.html(f'<h2 class="mp-step"><span>{number}</span>{escape(title)}</h2>')


def show_hint(text: str) -> None:
    """Show a short text in a pale colour."""
    st.html(f'<p class="mp-quiet">{escape(text)}</p>')


def show_file_name(name: str, about: str = "") -> None:
    """Show a file's name, whatever its direction, and a few words about it."""
    st.html(
        f'<div><bdi class="mp-file" dir="auto">{escape(name)}</bdi> <span class="mp-about">{escape(about)}</span></div>'
    )


def face_card(visit: Visit, limits: Limits, texts: Texts) -> ChosenFace | None:
    """Show the card of the face; return the one that is chosen."""
    show_heading(1, texts.face)
    origin = _choose_origin("face-from", texts.where_face, FACE_ICONS, visit, texts)
    if origin == Origin.UPLOAD:
        asked = {"key": "face-upload", "label": texts.face_file, "checking": texts.checking_face}
        face = _uploaded(visit, visit.face, limits, texts, **asked)
        return _show_face(face, texts)
    if origin == Origin.CAMERA:
        return _camera_face(visit, limits, texts)
    return _gallery_face(visit, texts)


def speech_card(visit: Visit, limits: Limits, texts: Texts) -> ChosenSpeech | None:
    """Show the card of the speech; return the one that is chosen."""
    show_heading(2, texts.speech)
    origin = _choose_origin("speech-from", texts.where_speech, SPEECH_ICONS, visit, texts)
    if origin == Origin.UPLOAD:
        label = texts.speech_file.format(length=format_clock(limits.most_s))
        asked = {"key": "speech-upload", "label": label, "checking": texts.checking_speech}
        speech = _uploaded(visit, visit.speech, limits, texts, **asked)
        return _show_speech(speech, texts)
    if origin == Origin.SAMPLE:
        return _sample_speech(visit, texts)
    return _recorded_speech(visit, limits, texts)


def _choose_origin(key: str, label: str, icons: Mapping[Origin, str], visit: Visit, texts: Texts) -> Origin | None:
    """Show the switch between a card's origins, the first of them unless another was chosen."""
    origin: Origin | None = st.segmented_control(
        label,
        list(icons),
        default=visit.initial_values.get(key, next(iter(icons))),
        required=True,
        format_func=lambda value: f"{icons[value]} {getattr(texts, value)}",
        key=key,
        label_visibility="collapsed",
        width="stretch",
        wrap=False,
    )
    return origin


def _gallery_face(visit: Visit, texts: Texts) -> ChosenFace:
    faces = gallery(texts.language)
    chosen = st.session_state.setdefault("avatar", visit.initial_values.get("avatar", faces[0].token))
    with st.container(horizontal=True, gap="small", key="gallery"):
        for face in faces:
            with st.container(key=f"tile-{face.token}"):
                st.image(face.preview, width="stretch", alt="")
                st.button(
                    face.name,
                    key=f"avatar-{face.token}",
                    type="primary" if face.token == chosen else "secondary",
                    on_click=_choose_avatar,
                    args=(face.token,),
                    width="stretch",
                )
    show_hint(texts.drawn_by_program)
    return next(face for face in faces if face.token == chosen)


def _choose_avatar(token: str) -> None:
    st.session_state["avatar"] = token


@st.cache_resource(show_spinner=False)
def gallery(language: str) -> list[ChosenFace]:
    """Load the faces that come with mouthpiece."""
    return [load_face(avatar.path, avatar.title(language), avatar.name) for avatar in samples.avatars()]


@st.cache_resource(show_spinner=False)
def sample(language: str) -> ChosenSpeech:
    """Load the speech that comes with mouthpiece."""
    return load_speech(samples.sample_speech(language), SAMPLE_NAMES[language], f"sample-{language}", Limits())


def _uploaded(
    visit: Visit, slot: UploadSlot[Chosen], limits: Limits, texts: Texts, *, key: str, label: str, checking: str
) -> Chosen | None:
    """Show a control for files; return what it sent, or what is left of it after the page was reloaded."""
    upload = st.file_uploader(label, key=key, max_upload_size=limits.most_bytes // MEGABYTE)
    if upload is None:
        return slot.restored(Origin.UPLOAD)
    with st.spinner(checking):
        sent = SentFile(upload, upload.file_id, upload.name, upload.name, Origin.UPLOAD)
        return _receive(visit, slot, sent, limits, texts)


def _camera_face(visit: Visit, limits: Limits, texts: Texts) -> ChosenFace | None:
    _show_https_hint(texts)
    picture = st.camera_input(texts.camera_hint, key="face-camera", resolution=CAMERA_RESOLUTION)
    if picture is None:
        return _show_face(visit.face.restored(Origin.CAMERA), texts)
    sent = SentFile(picture, picture.file_id, texts.your_picture, "from the camera", Origin.CAMERA)
    return _receive(visit, visit.face, sent, limits, texts)


def _show_https_hint(texts: Texts) -> None:
    """Show why there is no camera and no microphone; visible where the browser has none for the page."""
    st.html(f'<p class="mp-insecure" role="note">{escape(texts.https_only)}</p>')


def _receive(visit: Visit, slot: UploadSlot[Chosen], sent: SentFile, limits: Limits, texts: Texts) -> Chosen | None:
    """Ingest what was sent and return it, or show why it is of no use."""
    content = visit.receive(slot, sent, limits)
    if isinstance(content, RejectedUpload):
        st.error(error_message(texts, content.error), icon=":material/error:")
        return None
    return content


def _show_face(face: ChosenFace | None, texts: Texts) -> ChosenFace | None:
    """Show a face's preview, if there is one, and return it."""
    if face is not None:
        st.image(face.preview, width=PREVIEW_WIDTH, alt=face.name)
        about = [texts.video_file] if face.is_video else []
        about.append(f"{face.width} × {face.height}")
        about += [format_duration(texts, face.duration_s)] if face.is_video and face.duration_s else []
        show_file_name(face.name, " · ".join(about))
    return face


def _recorded_speech(visit: Visit, limits: Limits, texts: Texts) -> ChosenSpeech | None:
    _show_https_hint(texts)
    recording = st.audio_input(texts.microphone_hint, sample_rate=16_000, key="record")
    if recording is None:
        return _show_speech(visit.speech.restored(Origin.RECORD), texts)
    sent = SentFile(recording, recording.file_id, texts.your_recording, "the recording", Origin.RECORD)
    return _receive(visit, visit.speech, sent, limits, texts)


def _show_speech(speech: ChosenSpeech | None, texts: Texts) -> ChosenSpeech | None:
    """Show a player of the speech, if there is any, and return it."""
    if speech is not None:
        show_file_name(speech.name, format_duration(texts, speech.duration_s))
        st.audio(speech.wav, format="audio/wav")
    return speech


def _sample_speech(visit: Visit, texts: Texts) -> ChosenSpeech:
    language = st.pills(
        texts.samples,
        list(samples.LANGUAGES),
        default=visit.initial_values.get("sample", texts.language),
        required=True,
        format_func=SAMPLE_NAMES.__getitem__,
        key="sample",
        label_visibility="collapsed",
    )
    speech = sample(language or samples.LANGUAGES[0])
    st.audio(speech.wav, format="audio/wav")
    show_hint(texts.synthetic_voice)
    return speech
