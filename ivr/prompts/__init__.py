"""Text to telephone audio: what a caller hears, from the admin's words to a WAV file."""
