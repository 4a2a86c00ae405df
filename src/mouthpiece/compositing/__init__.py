"""The compositing room: laying what an engine drew over the frame it belongs to, and fading near untouched stretches."""

from mouthpiece.compositing.fade import Faded, fade_near_gaps
from mouthpiece.compositing.paste import paste

__all__ = ["Faded", "fade_near_gaps", "paste"]
