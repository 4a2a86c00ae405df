"""What the encoders are told for each quality."""

from __future__ import annotations

from mouthpiece.options import Quality

# Superfast with macroblock trees and a short look-ahead gives veryfast's size and sharpness for about 60 % of its time
# (docs/decisions/0003-x264-settings.md).
X264_OPTIONS: dict[Quality, dict[str, str]] = {
    Quality.DRAFT: {"preset": "ultrafast", "crf": "26"},
    Quality.GOOD: {"preset": "superfast", "crf": "19", "x264-params": "weightp=1:mbtree=1:rc-lookahead=8"},
    Quality.BEST: {"preset": "slow", "crf": "16"},
}
VP9_OPTIONS: dict[Quality, dict[str, str]] = {
    Quality.DRAFT: {"deadline": "realtime", "cpu-used": "8", "crf": "38", "row-mt": "1"},
    Quality.GOOD: {"deadline": "realtime", "cpu-used": "7", "crf": "30", "row-mt": "1"},
    Quality.BEST: {"deadline": "good", "cpu-used": "3", "crf": "22", "row-mt": "1"},
}
