"""Text to speech with the time of every sound, and of every word."""
