"""What a telephone, a room and a hurry do to speech, and the features that Vosk computes of it."""

import kaldi_native_fbank as knf
import numpy as np
import numpy.typing as npt

from tools.tiny_model.kaldi import CEPSTRA
from tools.tiny_model.lexicon import SILENCE
from tools.tiny_model.speech import RATE, Samples, Utterance

FRAME, CENTRE = 0.010, 0.0125  # seconds: from frame to frame, and from a frame's start to its middle
Dice = np.random.Generator

# conf/mfcc.conf of the model; `features` computes the same.
MFCC_CONF = {
    **{"sample-frequency": "8000", "use-energy": "false", "num-mel-bins": "40", "num-ceps": str(CEPSTRA)},
    **{"low-freq": "20", "high-freq": "3800", "dither": "0.0"},
    **{"allow-downsample": "true", "allow-upsample": "true"},
}


def features(samples: Samples) -> npt.NDArray[np.float32]:
    """(frames, 40) of samples about -1 to 1."""
    options = knf.MfccOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = True
    options.use_energy = False
    options.num_ceps = CEPSTRA
    options.mel_opts.num_bins = 40
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = 3800
    computer = knf.OnlineMfcc(options)
    computer.accept_waveform(RATE, (np.clip(samples, -1, 1) * 32767).tolist())
    computer.input_finished()
    return np.array([computer.get_frame(at) for at in range(computer.num_frames_ready)], np.float32)


def mulaw(samples: Samples) -> Samples:
    """Through ITU-T G.711 and back: 8 bits with 13 bits' range."""
    level = np.round(np.log1p(255 * np.abs(np.clip(samples, -1, 1))) / np.log(256) * 127) / 127
    return np.asarray(np.sign(samples) * (256**level - 1) / 255, np.float32)


def band(samples: Samples, low: float, high: float) -> Samples:
    """Without what lies outside, with edges of 100 Hz."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    gain = np.clip((hertz - low) / 100 + 1, 0, 1) * np.clip((high - hertz) / 100 + 1, 0, 1)
    return np.asarray(np.fft.irfft(spectrum * gain, len(samples)), np.float32)


def faster(said: Utterance, speed: float) -> Utterance:
    """As a tape that runs faster, pitch and all."""
    count = int(len(said.samples) / speed)
    moments = np.arange(count) * speed
    sound = np.interp(moments, np.arange(len(said.samples)), said.samples).astype(np.float32)
    return Utterance(sound, tuple((phone, start / speed, end / speed) for phone, start, end in said.labels))


def gated(said: Utterance, dice: Dice) -> Samples:
    """As networks that send nothing while nobody speaks: the end of a word dies away into nothing at all."""
    sound = said.samples.copy()
    stays = dice.uniform(0, 0.2)  # seconds
    for phone, start, end in said.labels:
        if phone == SILENCE:
            sound[int((start + stays) * RATE) : int(end * RATE)] = 0
    return sound


def spoilt(said: Utterance, dice: Dice) -> Utterance:
    """Speed, echo, noise, band, gain, a gate and mu-law, each as the dice say."""
    if dice.random() < 0.6:
        said = faster(said, dice.uniform(0.9, 1.12))
    sound = said.samples / (np.abs(said.samples).max() + 1e-6)
    if dice.random() < 0.35:
        length = int(RATE * dice.uniform(0.03, 0.25))
        room = dice.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
        room *= dice.uniform(0.1, 0.5) / np.sqrt(np.sum(room**2))
        room[0] = 1
        size = 1 << (len(sound) + length).bit_length()
        sound = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(room, size), size)[: len(sound)]
    if dice.random() < 0.6:
        sound = sound + noise(len(sound), dice) * np.sqrt(np.mean(sound**2)) * 10 ** -dice.uniform(0.4, 1.8)
    if dice.random() < 0.7:
        sound = band(np.asarray(sound, np.float32), dice.uniform(50, 300), dice.uniform(3200, 3700))
    sound = sound / (np.abs(sound).max() + 1e-6) * 10 ** -dice.uniform(0.02, 1.3)
    whole = np.asarray(sound, np.float32)
    if dice.random() < 0.25:
        whole = gated(Utterance(whole, said.labels), dice)
    return Utterance(mulaw(whole) if dice.random() < 0.75 else whole, said.labels)


def noise(count: int, dice: Dice) -> npt.NDArray[np.float64]:
    """Of power 1; its colour between white and brown."""
    spectrum = np.fft.rfft(dice.standard_normal(count))
    spectrum *= np.maximum(np.fft.rfftfreq(count), 0.002) ** -dice.uniform(0, 1)
    sound = np.fft.irfft(spectrum, count)
    return np.asarray(sound / (np.sqrt(np.mean(sound**2)) + 1e-9))


def no_speech(dice: Dice) -> Utterance:
    """Two seconds of noise or of one to three tones: what must not become words."""
    count = 2 * RATE
    if dice.random() < 0.5:
        sound = noise(count, dice)
    else:
        moments = np.arange(count)[:, None] / RATE
        tones = np.sin(2 * np.pi * moments * dice.uniform(200, 2500, dice.integers(1, 4)))
        sound = tones.sum(1) + noise(count, dice) * 0.01
    return Utterance(np.asarray(sound / np.abs(sound).max(), np.float32), ((SILENCE, 0.0, 2.0),))
