"""am/final.mdl as Kaldi's binary format wants it: a TransitionModel of one state a phone, then the nnet3 network."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
CEPSTRA = 40
CONTEXT = 12  # frames that the network needs before and after the one it tells
OFFSETS = ((-2, -1, 0, 1, 2), (-1, 0, 1), (-3, 0, 3), (-3, 0, 3), (-3, 0, 3))  # frames, by layer
_NOTHING = b"<ValueAvg> FV \x04\x00\x00\x00\x00<DerivAvg> FV \x04\x00\x00\x00\x00<Count> \x04\x00\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class Layer:
    """y = weights x + bias, x being the layer below at all its offsets, one offset after the other."""

    weights: Matrix
    bias: Matrix


def _int(value: int) -> bytes:
    return b"\x04" + struct.pack("<i", value)


def _float(value: float) -> bytes:
    return b"\x04" + struct.pack("<f", value)


def _ints(values: Sequence[int]) -> bytes:
    return b"\x04" + struct.pack(f"<i{len(values)}i", len(values), *values)


def _vector(values: npt.ArrayLike) -> bytes:
    plain = np.asarray(values, "<f4")
    return b"FV " + _int(len(plain)) + plain.tobytes()


def _matrix(values: npt.ArrayLike) -> bytes:
    plain = np.asarray(values, "<f4")
    return b"FM " + _int(plain.shape[0]) + _int(plain.shape[1]) + plain.tobytes()


def transitions(pdfs: Sequence[int]) -> bytes:
    """`pdfs`: of phone 1, 2, 3, …; transition-id 2p - 1 stays in phone p, 2p leaves it, each with probability 1/2."""
    count = len(pdfs)
    stays = _int(0) + _int(2) + _int(0) + _float(0.5) + _int(1) + _float(0.5)
    topology = _ints(range(1, count + 1)) + _ints([-1] + [0] * count) + _int(1) + _int(2) + stays
    topology += _int(-1) + _int(0)  # the last state: no sound, no way on
    triples = b"".join(_int(phone) + _int(0) + _int(pdf) for phone, pdf in enumerate(pdfs, 1))
    logs = [0.0] + [float(np.log(0.5))] * (2 * count)
    return (
        b"<TransitionModel> <Topology> " + topology + b"</Topology> <Triples> " + _int(count) + triples
        + b"</Triples> <LogProbs> " + _vector(logs) + b"</LogProbs> </TransitionModel> "
    )  # fmt: skip


def _config() -> bytes:
    lines = [f"input-node name=input dim={CEPSTRA}"]
    below = "input"
    for number, offsets in enumerate(OFFSETS, 1):
        inputs = ", ".join(f"Offset({below}, {offset})" if offset else below for offset in offsets)
        affine, relu = f"tdnn{number}.affine", f"tdnn{number}.relu"
        lines += [
            f"component-node name={affine} component={affine} input=Append({inputs})",
            f"component-node name={relu} component={relu} input={affine}",
        ]
        below = relu
    lines += [
        f"component-node name=output.affine component=output.affine input={below}",
        "component-node name=output.log component=output.log input=output.affine",
        "output-node name=output input=output.log objective=linear",
    ]
    return ("\n".join(lines) + "\n\n").encode()  # the empty line ends it


def network(layers: Sequence[Layer], priors: npt.ArrayLike) -> bytes:
    """`priors`: how often each pdf is, from 0 to 1; Kaldi divides by them."""
    components = []
    for number, layer in enumerate(layers, 1):
        last = number == len(layers)
        name = b"output" if last else b"tdnn%d" % number
        affine = b"<FixedAffineComponent> <LinearParams> " + _matrix(layer.weights) + b"<BiasParams> "
        components.append(
            b"<ComponentName> %s.affine " % name + affine + _vector(layer.bias) + b"</FixedAffineComponent> "
        )
        kind, short = (b"LogSoftmaxComponent", b"log") if last else (b"RectifiedLinearComponent", b"relu")
        rest = b"<%s> <Dim> " % kind + _int(len(layer.bias)) + _NOTHING + b"</%s> " % kind
        components.append(b"<ComponentName> %s.%s " % (name, short) + rest)
    return (
        b"<Nnet3> \n" + _config() + b"<NumComponents> " + _int(len(components)) + b"".join(components)
        + b"</Nnet3> <LeftContext> " + _int(CONTEXT) + b"<RightContext> " + _int(CONTEXT)
        + b"<Priors> " + _vector(priors)
    )  # fmt: skip


def write_acoustics(path: Path, pdfs: Sequence[int], layers: Sequence[Layer], priors: npt.ArrayLike) -> None:
    path.write_bytes(b"\0B" + transitions(pdfs) + network(layers, priors))
