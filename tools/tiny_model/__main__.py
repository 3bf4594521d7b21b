"""`python -m tools.tiny_model --out DIR`: the trial model, from nothing but text. README.md tells what it needs."""

import argparse
import random
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from tools.tiny_model.corpus import CLASSES, corpus
from tools.tiny_model.graph import (
    compile_fst,
    grammar_fst,
    pdf_of_phones,
    word_boundaries,
    word_ids,
    words_fst,
)
from tools.tiny_model.held_out import write_set
from tools.tiny_model.kaldi import write_acoustics
from tools.tiny_model.lexicon import read_words
from tools.tiny_model.sentences import PAUSE, Speaker
from tools.tiny_model.telephone import MFCC_CONF

_MODEL_CONF = {
    **{"min-active": "200", "max-active": "3000", "beam": "13", "lattice-beam": "6", "acoustic-scale": "1.0"},
    **{"frame-subsampling-factor": "3", "endpoint.silence-phones": "1"},
    **{
        f"endpoint.rule{rule}.min-trailing-silence": after
        for rule, after in ((2, "0.5"), (3, "0.75"), (4, "1.0"))
    },
}
_MESSAGES = 15_000  # from which the grammar counts
_SEED = 4


def write_graph(out: Path) -> None:
    """Words, grammar and what belongs to them: four seconds, and enough for new words made of the same phones."""
    lexicon = read_words()
    graph = out / "graph"
    (graph / "phones").mkdir(parents=True, exist_ok=True)
    speaker = Speaker(random.Random(_SEED))
    lines = []
    for _ in range(_MESSAGES):
        said = [one for _ in range(random.Random(len(lines)).randint(1, 4)) for one in speaker.sentence()]
        lines.append([one.word for one in said if one.word != PAUSE])
    words = "".join(f"{word} {number}\n" for word, number in word_ids(tuple(lexicon)).items())
    (graph / "words.txt").write_text(words, "utf-8")
    (graph / "phones" / "word_boundary.int").write_text(word_boundaries())
    (graph / "disambig_tid.int").write_text("")
    compile_fst(words_fst(lexicon), graph / "HCLr.fst", "olabel")
    compile_fst(grammar_fst(lines, tuple(lexicon)), graph / "Gr.fst", "ilabel")


def write_conf(out: Path) -> None:
    (out / "conf").mkdir(parents=True, exist_ok=True)
    for name, settings in (("mfcc.conf", MFCC_CONF), ("model.conf", _MODEL_CONF)):
        (out / "conf" / name).write_text("".join(f"--{key}={value}\n" for key, value in settings.items()))


def write_network(out: Path, voice: Path, of_mei: int, of_espeak: int, steps: int) -> None:
    from tools.tiny_model.train import train  # needs PyTorch

    (out / "am").mkdir(parents=True, exist_ok=True)
    frames, classes = corpus(_SEED, of_mei, of_espeak, voice)
    print(f"{len(frames) / 360_000:.1f} hours of speech", flush=True)
    layers = train(frames, classes, len(CLASSES), steps, _SEED)
    priors = np.bincount(classes, minlength=len(CLASSES)) / len(classes)
    write_acoustics(out / "am" / "final.mdl", pdf_of_phones(), layers, np.maximum(priors, 1e-4))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_model", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="directory of the model")
    parser.add_argument("--voice", type=Path, help="mei_normal.htsvoice; by default that of pyopenjtalk-plus")
    parser.add_argument("--graph-only", action="store_true", help="new words for a model that is there")
    parser.add_argument("--set", type=Path, help="write only the held-out set for `script/bench asr` there")
    parser.add_argument("--mei", type=int, default=1500, help="utterances by open_jtalk")
    parser.add_argument("--espeak", type=int, default=2500, help="utterances by espeak-ng")
    parser.add_argument("--steps", type=int, default=6000, help="steps of training")
    given = parser.parse_args()
    voice = given.voice or _voice()
    if given.set:
        write_set(given.set, voice)
        return
    for program in ("open_jtalk", "espeak-ng", "fstcompile"):
        if shutil.which(program) is None:
            sys.exit(
                f"{program} is missing: apt-get install open-jtalk open-jtalk-mecab-naist-jdic espeak-ng libfst-tools"
            )
    began = time.monotonic()
    write_conf(given.out)
    write_graph(given.out)
    if not given.graph_only:
        write_network(given.out, voice, given.mei, given.espeak, given.steps)
    print(f"written in {time.monotonic() - began:.0f} s: {given.out}")


def _voice() -> Path:
    import importlib.util

    found = importlib.util.find_spec("pyopenjtalk")
    if found is None or found.origin is None:
        sys.exit(
            "no voice: name mei_normal.htsvoice with --voice, or install pyopenjtalk-plus, which holds it"
        )
    return Path(found.origin).parent / "htsvoice" / "mei_normal.htsvoice"


if __name__ == "__main__":
    main()
