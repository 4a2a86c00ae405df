"""mouthpiece: give it a face and speech; it returns a video of that face saying that speech."""

__version__ = "0.1.0"
