"""Models that `ivr model fetch` knows by name: where they are, and what their files must be."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Known:
    """`files`: path in the model -> SHA-256 and bytes. Files that are not named here may be there, too."""

    url: str
    files: Mapping[str, tuple[str, int]]


KNOWN: dict[str, Known] = {
    # Apache-2.0; the small files of conf/ and graph/ are not listed
    "vosk-model-small-ja-0.22": Known(
        "https://alphacephei.com/vosk/models/vosk-model-small-ja-0.22.zip",
        MappingProxyType(
            {
                "am/final.mdl": (
                    "1df788e2c183f7fb2474c876b987e28ce40cb198db4b1c2dcf094d9b8e3d44e2",
                    16_061_359,
                ),
                "graph/Gr.fst": (
                    "4f75f879f5c96b3a5983f8aa1b2df6e4c6f05a845d332d7f2cf410a64f095011",
                    30_893_295,
                ),
                "graph/HCLr.fst": (
                    "c0bd905b506cce18ee6a46d0a13d3c8a3310fc7b4a6b76dd99e924ed691cddf9",
                    37_684_266,
                ),
                "ivector/final.dubm": (
                    "ebae597e7674342d09ae0d73222260e5fbf0e3d352a3135168d1ca44189029c0",
                    168_048,
                ),
                "ivector/final.ie": (
                    "71eb575f7d31721c09b1a82d58d8b5c233f73629129df864a30dba206bd25f66",
                    9_927_287,
                ),
                "ivector/final.mat": (
                    "4daa60ee31233f147fcc3b17a559bff5112ada7c14fbb20266e6748bc6ba9684",
                    44_975,
                ),
            }
        ),
    )
}
