"""The compositing room: laying what an engine drew over its frame, and fading near untouched stretches."""

from mouthpiece.compositing.fade import Faded, fade_near_gaps
from mouthpiece.compositing.paste import paste

__all__ = ["Faded", "fade_near_gaps", "paste"]
