"""Makes the trial model transcribe/models/vosk-tiny-ja from synthetic speech; README.md tells how."""
