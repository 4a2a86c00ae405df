"""Faces and speech read, results written. Everything streams; nothing holds a whole video.

Reading::

    with open_face("me.jpg") as face, open_speech("words.wav") as speech:
        face.info            # PictureInfo: width, height, pixel_aspect, fps, is_photo, duration_s, colours, ...
        face.sample_frames() # Iterator[Frame] spread over the source, cheap, independent of frames()
        face.frames(duration_s, Fit.PINGPONG)   # Iterator[Frame] that covers [0, duration_s) exactly
        speech.info          # SpeechInfo: codec, sample_rate, channels, ...
        speech.duration_s    # Fraction: counted by decoding (one streaming pass, cached)
        speech.samples()     # Iterator of (n,) float32 blocks, 16 kHz mono; starts anew at every call
        face.warnings, speech.warnings          # what came up so far

Writing::

    with VideoWriter(out, face.info, speech, duration_s=duration_s, quality=Quality.GOOD, overwrite=False,
                     forbidden=(face_path, speech_path)) as writer:
        for frame in frames:
            writer.write(frame)      # writer.frames_written, .path, .warnings

`check_output(out, overwrite=..., forbidden=...)` refuses a bad OUT before anything is read. With `Fit.CUT` the frames
may end before `duration_s`; the writer then ends the sound with the last frame.

`probe_media(path) -> MediaReport` lists the streams of a file.

`open_face(..., transform=FrameTransform(resize_factor=2, rotate=True, crop=(0, -1, 0, -1), static=False))` takes a part
of the picture, smaller, turned, or the first one alone; info and frames are then as if the file were so.
`open_face`, `open_speech` and `probe_media` take the `name` that messages use for the file.

A frame's `native` is the decoder's picture: whoever changes `rgb` lists the boxes in `changed`, all else is encoded
from `native` bit for bit. `frame.rgb` is an array of the frame's own.

Modules, each above those that it uses:

- `open`, `probe`: what a user may give; `writer`: the result, with `soundtrack` and `output_file`;
- `images`, `video`: faces as photos, animations and videos, over `playback`, `still` and `frame_reader`;
- `speech_file`, `speech_array`: speech, over `resampler`, `mixing` and `sound_block`;
- `face_source`, `speech_source`: the contracts of both;
- `transform`, `planes`, `info`; `container` (FFmpeg) over `byte_source`.

Known limits: HEIC photos are refused (FFmpeg shows their first tile only); MKV has no place for the lead-in of AAC and
MP3, so that copied sound starts the picture later by its length (both stay together); MKV and WebM keep times to the
millisecond; WebM stores square pixels and 8 bits only; a static HDR10 light level is not carried over.
"""

from __future__ import annotations

from mouthpiece.media.face_source import FaceSource
from mouthpiece.media.info import PictureInfo
from mouthpiece.media.open import FaceInput, Named, SpeechInput, open_face, open_speech
from mouthpiece.media.output_file import check_output
from mouthpiece.media.probe import MediaReport, probe_media
from mouthpiece.media.speech_source import SpeechSource
from mouthpiece.media.writer import VideoWriter

__all__ = [
    "FaceInput",
    "FaceSource",
    "MediaReport",
    "Named",
    "PictureInfo",
    "SpeechInput",
    "SpeechSource",
    "VideoWriter",
    "check_output",
    "open_face",
    "open_speech",
    "probe_media",
]
