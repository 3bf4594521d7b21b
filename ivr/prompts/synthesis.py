"""Text to speech by pyopenjtalk-plus (voice: Mei). The only file that imports it.

Call it in the jobs process only, always from one thread: threads have crashed the synthesiser
(pyopenjtalk#86). It blocks for about 3 % of the length of what it says, so never in the engine.
"""

from collections.abc import Mapping

import numpy as np
import pyopenjtalk

from ivr.errors import SynthesisError
from ivr.prompts import dsp
from ivr.prompts.audio import Audio
from ivr.prompts.readable import unreadable
from ivr.prompts.reading import normalise

LONGEST = 1000  # characters: about three minutes, more than any caller listens to
_RATE = 48000
_FULL_SCALE = 32768.0  # of the synthesiser's floats, which pass it: peaks of 50,000 were seen
_NOT_SPEECH = {"sil", "pau"}


def synthesise(text: str, readings: Mapping[str, str] | None) -> Audio:
    """Say `text`. Raises SynthesisError if there is nothing to say in it, or too much."""
    spoken = normalise(text, readings)
    if len(spoken) > LONGEST:
        raise SynthesisError(
            f"a prompt of {len(spoken)} characters; the longest that is spoken has {LONGEST}"
        )
    if why := unreadable(spoken):
        raise SynthesisError(why)
    labels = pyopenjtalk.extract_fullcontext(spoken)
    if all(_phoneme(label) in _NOT_SPEECH for label in labels):
        raise SynthesisError("a prompt without anything that can be read aloud")
    samples, rate = pyopenjtalk.synthesize(labels)
    if rate != _RATE:
        raise SynthesisError(f"the voice has {rate} Hz; {_RATE} were expected")
    return dsp.telephone(np.asarray(samples, dtype=np.float64) / _FULL_SCALE)


def _phoneme(label: str) -> str:
    """A full-context label starts `p1^p2-p3+p4=p5`: its own phoneme is the third."""
    return label.split("-", 1)[1].split("+", 1)[0]
