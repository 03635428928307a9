"""Sound: WAV files of every width, and log-mel bands in integers."""

import io
import struct
import wave

import numpy as np
import pytest

from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train.audio import LogMel, _log2, read_wav


def packed(values: np.ndarray, width: int, channels: int = 1, rate: int = 8000) -> io.BytesIO:
    """A WAV file of 16-bit values at another width."""
    raw = ((values >> 8) + 128).astype(np.uint8)[:, None] if width == 1 else \
        (values.astype("<i4") << 16).view(np.uint8).reshape(-1, 4)[:, 4 - width:]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw.tobytes())
    buffer.seek(0)
    return buffer


def tone(frequency: float, count: int = 4000, level: float = 8000) -> np.ndarray:
    return np.rint(level * np.sin(2 * np.pi * frequency / 8000 * np.arange(count))).astype(np.int64)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_widths(width):
    values = np.array([0, 256, -256, 0x7f00, -0x8000])
    found, rate = read_wav(packed(values, width, rate=11_025))
    assert found.tolist() == values.tolist() and rate == 11_025


def test_channels_are_averaged():
    found, _ = read_wav(packed(np.array([100, 300, -1, 0]), 2, channels=2))
    assert found.tolist() == [200, -1]


@pytest.mark.parametrize(("content", "message"), [
    (b"", "a.wav must be a WAV file, PCM, but it is cut short"),
    (b"RIFF\0\0\0\0WAVX", "a.wav must be a WAV file, PCM, but "),
    (packed(np.arange(9), 2).getvalue()[:40], "a.wav must be a "),
    (packed(np.arange(9), 2).getvalue().replace(struct.pack("<H", 1), struct.pack("<H", 3), 1),
     "a.wav must be a WAV file, PCM, but unknown format: 3"),
])
def test_damage(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(FileError) as error:
        read_wav(tmp_path / "a.wav", "a.wav")
    assert str(error.value).startswith(message)
    with pytest.raises(FileError, match="none.wav must be a readable file, but No such file or directory$"):
        read_wav(tmp_path / "none.wav")


def test_the_logarithm_of_every_bit():
    places = 1 << np.arange(62)
    assert _log2(places).tolist() == (16 * np.arange(62)).tolist()
    values = np.concatenate([np.arange(1, 5000), places[20:] * 3 // 2 + 11])
    exact = 16 * np.log2(values.astype(np.float64))
    assert (_log2(values) <= exact).all() and (exact - _log2(values) < 2.4).all()


def test_bands_against_floating_point():
    """The same in floating point, with numpy's transform: within 4.5 of the 16 steps of an octave."""
    rng = np.random.default_rng(0)
    sounds = [tone(700) + tone(2000, level=300), rng.integers(-9000, 9000, 5000), tone(440, 300)]
    for made in (LogMel(), LogMel(hop=160, bands=20), LogMel(window=200, timesteps=9, low=0, high=4000)):
        for samples in sounds:
            hop = made.hop or max(1, int(np.ceil((len(samples) - made.window) / (made.timesteps - 1))))
            padded = np.concatenate([samples[:hop * (made.timesteps - 1) + made.window],
                                     np.zeros(hop * made.timesteps + made.window)])
            windows = np.stack([padded[k * hop:k * hop + made.window] for k in range(made.timesteps)])
            power = np.abs(np.fft.rfft(windows * np.hanning(made.window + 1)[:-1])) ** 2
            edges = np.interp(np.linspace(mel(made.low), mel(made.high), made.bands + 2), mel(np.arange(4001)),
                              np.arange(4001))
            f = np.arange(made.window // 2 + 1) * 8000 / made.window
            bands = np.stack([np.interp(f, edges[k:k + 3], [0, 1, 0]) for k in range(made.bands)])
            loud = 16 * np.log2(power @ bands.T * 256 + 1)
            expected = np.clip(255 + loud - loud.max(), 0, 255)
            found = made.apply(samples)
            assert found.dtype == np.uint8 and found.shape == (made.timesteps, made.bands)
            assert found.max() == 255 and np.abs(found - expected).max() < 4.5


def mel(frequency):
    return 2595 * np.log10(1 + np.asarray(frequency) / 700)


def test_a_tone_is_loudest_in_its_band_wherever_it_is():
    edges = [int(LogMel(hop=160).apply(tone(frequency))[3].argmax()) for frequency in (200, 500, 1000, 2000, 3300)]
    assert edges == sorted(set(edges)) and edges[0] <= 1 and edges[-1] >= 13
    later = LogMel(hop=160).apply(np.concatenate([np.zeros(2400, int), tone(500)]))
    assert (later[:13] == 0).all() and later[16].max() == 255
    short = LogMel(hop=160).apply(tone(500, 800))
    assert short[2].max() == 255 and not short[6:].any()
    assert LogMel().apply(tone(500, 800))[-1].max() > 200       # spread over the whole sound


def test_silence_and_overload_are_no_error():
    assert set(np.unique(LogMel().apply(np.zeros(500, int)))) == {255}
    square = np.where(np.arange(4000) % 2, 32_767, -32_768)
    assert LogMel(high=4000).apply(square)[5].argmax() == 15


@pytest.mark.parametrize(("fields", "message"), [
    ({"high": 4001}, "high must be an integer from 1 to 4000, not 4001"),
    ({"low": 3800}, "low must be an integer from 0 to 3799, not 3800"),
    ({"bands": 200},
     "bands must each have a frequency of the transform: with a window of 256 samples 200 are too many"),
    ({"timesteps": 0}, "timesteps must be an integer from 1 to 4096, not 0"),
    ({"hop": -1}, "hop must be an integer from 0 to 65536, not -1"),
])
def test_refusals(fields, message):
    with pytest.raises(SpikeloomError) as error:
        LogMel(**fields)
    assert str(error.value) == message
