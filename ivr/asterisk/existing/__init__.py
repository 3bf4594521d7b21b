"""An Asterisk that was there before: what it is, what of ours it needs, and putting that in and taking it out."""
