"""The network: five layers over time, each of which looks at its neighbours; learnt frame by frame."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tools.tiny_model.kaldi import CEPSTRA, CONTEXT, Layer, Matrix

WIDTH = 128
_TOLD = 50  # frames told in one piece of a batch
_BATCH = 64


def train(frames: Matrix, classes: npt.NDArray[np.int64], count: int, steps: int, seed: int) -> list[Layer]:
    """The five layers and the one that tells the class (`count` of them), ready for Kaldi: nothing to normalise."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    mean, scale = frames.mean(0), 1 / (frames.std(0) + 1e-3)
    network = _network(count)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    sound, told = torch.from_numpy((frames - mean) * scale), torch.from_numpy(classes)
    window = torch.arange(3 * (_TOLD - 1) + 2 * CONTEXT + 1)
    answers = CONTEXT + 3 * torch.arange(_TOLD)
    losses = []
    for step in range(steps):
        begins = torch.randint(0, len(sound) - len(window), (_BATCH, 1))
        guessed = network(sound[begins + window].transpose(1, 2))
        loss = nn.functional.cross_entropy(guessed, told[begins + answers], label_smoothing=0.03)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append((loss.item(), (guessed.argmax(1) == told[begins + answers]).float().mean().item()))
        if step % 500 == 499:
            print(f"step {step + 1}: loss, frames right {np.mean(losses[-500:], 0).round(3)}", flush=True)
    return _folded(network, mean, scale)


def _network(count: int) -> nn.Sequential:
    """Only every third frame is told, so the second layer steps by three and those above see a third of the frames."""
    layers: list[nn.Module] = []
    for inputs, kernel, stride in (
        (CEPSTRA, 5, 1),
        (WIDTH, 3, 3),
        (WIDTH, 3, 1),
        (WIDTH, 3, 1),
        (WIDTH, 3, 1),
    ):
        layers += [nn.Conv1d(inputs, WIDTH, kernel, stride), nn.ReLU(), nn.BatchNorm1d(WIDTH)]
    return nn.Sequential(*layers, nn.Conv1d(WIDTH, count, 1))


def _folded(network: nn.Sequential, mean: Matrix, scale: Matrix) -> list[Layer]:
    """What normalises a layer's input goes into its weights: w (s x + t) + b = (w s) x + (w t + b)."""
    network.eval()
    times, plus = scale, -mean * scale
    layers = []
    for part in network:
        if isinstance(part, nn.Conv1d):
            weights = part.weight.detach().numpy().transpose(0, 2, 1)  # (outputs, offsets, inputs)
            bias = part.bias.detach().numpy() + (weights * plus).sum((1, 2))
            layers.append(Layer((weights * times).reshape(len(weights), -1).copy(), bias))
        elif isinstance(part, nn.BatchNorm1d):
            spread = 1 / np.sqrt(part.running_var.numpy() + part.eps)
            times = part.weight.detach().numpy() * spread
            plus = part.bias.detach().numpy() - part.running_mean.numpy() * times
    return layers
