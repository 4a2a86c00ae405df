"""Speech analysis: samples --SpeechStream--> SpeechChunk, with their log-mel at a common level and voice activity.

- `mel`: the log-mel spectrogram, 80 bands, 10 ms hop; frame m is centred on sample m * MEL_HOP, and n samples
  have ceil(n / MEL_HOP) frames; `mfcc` makes cepstra of it.
- `activity`: voice activity per mel frame, by signal processing; `speech_stretches` turns it into times.
- `stream`: `SpeechStream` for blocks of any size (files and live alike), `measure_level` for the level of a
  recording, `features` for a whole recording at once (training).

All analysis is deterministic, and the same however the speech is cut into blocks.
"""

from mouthpiece.speech.activity import speech_stretches
from mouthpiece.speech.mel import log_mel, mel_filterbank, mfcc
from mouthpiece.speech.stream import SpeechStream, features, measure_level

__all__ = ["SpeechStream", "features", "log_mel", "measure_level", "mel_filterbank", "mfcc", "speech_stretches"]
