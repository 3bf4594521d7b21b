"""What recordings are judged to be, beside what they are: `python -m bench.speech_kinds [--quick]`.

Speech in all voices at hand (Mei at several pitches and paces, espeak-ng's variants), each saying in every trouble of
`tests/sounds.py`; tones of networks, fax machines, music in several timbres. All of it went through 8 kHz mu-law. Fails
when a single recording with speech is judged to hold none. `--quick`: a third of the voices.
"""

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from time import process_time

import numpy as np

from ivr.messages.speech import judge_samples
from tests import sounds

KINDS = ("speech", "silent", "tone", "music", "fax")
SEED = 20261122


def spoken(quick: bool) -> Iterator[tuple[str, bytes]]:
    """What happened to it, and how it sounds."""
    troubles = sounds.troubles(np.random.default_rng(SEED))
    for number, saying in enumerate(sounds.SAYINGS):
        for which, voice in enumerate(sounds.voices(saying, programs=True)):
            if quick and (which + number) % 3:
                continue
            for name, spoil in troubles.items():
                yield f"speech: {name}", sounds.telephoned(spoil(voice))


def unspoken() -> Iterator[tuple[str, bytes]]:
    chance = np.random.default_rng(SEED)
    still = {
        "nothing": sounds.silence(10),
        **{f"noise at {level} dBFS": sounds.noise(20, level, chance) for level in (-75, -60, -50, -40, -25)},
        "hum": sounds.tone(20, -40, 50, 100, 150),
    }
    for what, group in (
        ("silence", still),
        ("tones", sounds.network_tones()),
        ("fax", sounds.faxes()),
        ("music", sounds.pieces(chance)),
    ):
        for level in (0, -10, -20) if what != "silence" else (0,):
            for sound in group.values():
                yield what, sounds.telephoned(sound * 10 ** (level / 20))
    yield "breath (no words)", sounds.telephoned(sounds.breath(chance))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.speech_kinds")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    table: dict[str, Counter[str]] = {}
    took = []
    for source in (spoken(quick), unspoken()):
        for name, samples in source:
            began = process_time()
            found = judge_samples(samples)
            took.append((process_time() - began) / max(len(samples) / 16000, 1.0))
            table.setdefault(name, Counter())[found.kind] += 1
    print(f"{'':24}" + "".join(f"{kind:>8}" for kind in KINDS))
    for name, row in table.items():
        print(f"{name:24}" + "".join(f"{row[kind] or '.':>8}" for kind in KINDS))
    speech = [row for name, row in table.items() if name.startswith("speech")]
    total, lost = sum(map(Counter.total, speech)), sum(row.total() - row["speech"] for row in speech)
    print(f"\nwith speech: {total}, judged to hold none: {lost}")
    print(f"median {1000 * statistics.median(took):.1f} ms of one core for a second of sound")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
