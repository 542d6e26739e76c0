"""Recordings: what becomes of wav files of every kind, the Free Spoken Digit Dataset, and one's own folders."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError, LandbridgeWarning, MissingDataError
from landbridge.data import speech
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.inventory import describe
from landbridge.data.registry import load_domain
from landbridge.data.speech import LEVEL, RATE, Recordings

Signal = np.ndarray


def tone(seconds: float = 0.5, rate: int = RATE, hertz: float = 440.0, level: float = 0.3) -> Signal:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path: Path, signal: Signal, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, rate, subtype, format="WAV")
    return path


def heard(path: Path, seconds: float = 1.0) -> torch.Tensor:
    return Recordings([path], seconds=seconds).read(torch.tensor([0]))[0]


def level_of(signal: torch.Tensor) -> float:
    return float(signal[signal != 0].square().mean().sqrt())


def test_a_recording_becomes_a_second_of_one_level_in_the_middle(tmp_path: Path) -> None:
    signal = heard(write(tmp_path / "a.wav", tone(0.5)))
    assert (signal.dtype, signal.shape) == (torch.float32, (8000,))
    assert signal[:2000].eq(0).all()
    assert signal[6000:].eq(0).all()
    assert level_of(signal) == pytest.approx(LEVEL, rel=1e-2)
    expected = LEVEL * np.sqrt(2) * np.sin(2 * np.pi * 440 * np.arange(4000) / RATE)
    assert np.abs(signal[2000:6000].numpy() - expected).max() < 1e-3


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_formats_of_numbers(tmp_path: Path, subtype: str) -> None:
    exact = heard(write(tmp_path / "exact.wav", tone(), subtype="DOUBLE"))
    found = heard(write(tmp_path / "a.wav", tone(), subtype=subtype))
    rough = {"PCM_U8": 0.05, "ULAW": 0.1}.get(subtype, 1e-3)
    assert (found - exact).abs().max() < rough * exact.abs().max()


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100, 48000])
def test_other_rates_are_resampled(tmp_path: Path, rate: int) -> None:
    exact, found = (heard(write(tmp_path / f"{r}.wav", tone(1.0, r), r)) for r in (RATE, rate))
    middle = slice(500, 7500)
    assert torch.nn.functional.cosine_similarity(exact[middle], found[middle], dim=0) > 0.99


def test_what_the_rate_cannot_hold_is_filtered_out_not_folded(tmp_path: Path) -> None:
    both = tone(1.0, 48000, 440) + tone(1.0, 48000, 5000)  # 5 kHz would come back as 3 kHz
    spectrum = torch.fft.rfft(heard(write(tmp_path / "a.wav", both, 48000))).abs()
    assert spectrum[3000] < 0.02 * spectrum[440]


def test_stereo_is_mixed(tmp_path: Path) -> None:
    left, right = tone(hertz=440), tone(hertz=700)
    stereo = heard(write(tmp_path / "two.wav", np.stack([left, right], 1), subtype="FLOAT"))
    mono = heard(write(tmp_path / "one.wav", (left + right) / 2, subtype="FLOAT"))
    torch.testing.assert_close(stereo, mono, atol=1e-6, rtol=0)


def test_a_long_recording_is_cut_to_its_loudest_second(tmp_path: Path) -> None:
    word = tone(0.5, hertz=900)
    long = np.concatenate([1e-3 * tone(3.0), word, 1e-3 * tone(2.0)])
    signal = heard(write(tmp_path / "a.wav", long, subtype="FLOAT"))
    assert len(signal) == 8000
    loud = signal.abs() > 0.01
    assert loud.sum() == pytest.approx(4000, rel=0.1)
    assert int(torch.fft.rfft(signal).abs().argmax()) == pytest.approx(900, abs=2)


@settings(max_examples=25)
@given(gain=st.floats(0.01, 50), offset=st.floats(-0.5, 0.5), seed=st.integers(0, 99), count=st.integers(10, 12000))
def test_neither_gain_nor_offset_change_anything(
    tmp_path_factory: pytest.TempPathFactory, gain: float, offset: float, seed: int, count: int
) -> None:
    noise, folder = np.random.default_rng(seed).normal(0, 0.2, count), tmp_path_factory.mktemp("gain")
    plain, changed = (
        heard(write(folder / f"{name}.wav", signal, subtype="DOUBLE"))
        for name, signal in (("plain", noise), ("changed", gain * noise + offset))
    )
    torch.testing.assert_close(plain, changed, atol=2e-3, rtol=0)  # an offset costs float32 digits


def bad_files(folder: Path) -> dict[str, Path]:
    """One file of each kind that cannot be used, by what is said of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("I am no recording")
    (folder / "cut.wav").write_bytes(write(folder / "whole.wav", tone()).read_bytes()[:20])
    (folder / "whole.wav").unlink()
    return {
        "empty.wav: not a wav file, or damaged": folder / "empty.wav",
        "text.wav: not a wav file, or damaged": folder / "text.wav",
        "cut.wav: not a wav file, or damaged": folder / "cut.wav",
        "gone.wav: not a wav file, or damaged": folder / "gone.wav",
        "none.wav: holds no samples": write(folder / "none.wav", np.zeros(0)),
        "zeros.wav: silent": write(folder / "zeros.wav", np.zeros(4000)),
        "constant.wav: silent": write(folder / "constant.wav", np.full(4000, 0.5)),
        "faint.wav: silent": write(folder / "faint.wav", tone(level=1e-5), subtype="FLOAT"),
        "opposite.wav: silent": write(folder / "opposite.wav", np.stack([tone(), -tone()], 1)),
        "nan.wav: holds NaN or infinity": write(folder / "nan.wav", np.r_[tone(), np.nan], subtype="FLOAT"),
    }


def test_bad_files_are_told_apart_named_and_skipped(tmp_path: Path) -> None:
    bad = bad_files(tmp_path)
    good = [write(tmp_path / f"good{i}.wav", tone(hertz=300 + i)) for i in range(6)]
    paths = [*good[:3], *bad.values(), *good[3:]]
    for message, path in bad.items():
        with pytest.raises(BadDataError, match=f"^cannot read the recording .*{message}$"):
            heard(path)
    domain = Domain("said", ("a", "b"), {"train": Examples(Recordings(paths), torch.arange(len(paths)) % 2)})
    ready = domain.prepared(None, tolerance=0.9)
    assert [line.removeprefix(f"{tmp_path}/") for line in ready.skipped] == list(bad)
    assert len(ready.splits["train"]) == 6
    assert isinstance(ready.splits["train"].x, Arrays)
    assert ready.labelled().y.tolist() == [0, 1, 0, *[(3 + len(bad) + i) % 2 for i in range(3)]]
    assert isinstance(domain.prepared(None, tolerance=0.9, memory=0).splits["train"].x, Recordings)
    with pytest.raises(BadDataError, match=r"10 of 16 recordings of said cannot be read \(first: .*--unreadable"):
        domain.prepared(None)


def test_a_digest_knows_contents_rate_and_length(tmp_path: Path) -> None:
    one, other = (write(tmp_path / f"{hertz}.wav", tone(hertz=hertz)) for hertz in (300, 400))
    (tmp_path / "copy.wav").write_bytes(one.read_bytes())
    digest = Recordings([one]).digest()
    assert digest == Recordings([tmp_path / "copy.wav"]).digest()
    others = (Recordings([other]), Recordings([one], 16000), Recordings([one], RATE, 2.0), Recordings([one, other]))
    assert digest not in {recordings.digest() for recordings in others}
    assert Recordings([one, other], 16000, 0.5).pick(torch.tensor([1])).read(torch.tensor([0])).shape == (1, 8000)


def test_soundfile_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(speech, "find_spec", lambda name: None if name == "soundfile" else there(name))
    with pytest.raises(LandbridgeError, match=r'needs soundfile: pip install "landbridge\[speech\]"$'):
        heard(write(tmp_path / "a.wav", tone()))


@pytest.fixture
def fsdd(tmp_path: Path) -> Path:
    """A data root with two digits of two speakers, seven takes each; the pitch is the digit's."""
    for digit in (3, 8):
        for speaker in ("theo", "ann"):
            for take in range(7):
                write(tmp_path / "fsdd" / "recordings" / f"{digit}_{speaker}_{take}.wav", tone(hertz=100 * digit))
    (tmp_path / "fsdd" / "recordings" / "README.wav").write_text("not one of them")
    return tmp_path


def test_the_published_layout(fsdd: Path) -> None:
    domain = load_domain("fsdd", fsdd)
    assert describe("fsdd", fsdd) == (True, {"train": 8, "test": 20}, "cut: 8 + 20 of 2,700 + 300 recordings")
    assert (domain.groups, domain.group_kind, domain.backbone) == (("ann", "theo"), "speaker", "speech-cnn")
    assert domain.classes == tuple("0123456789")
    train = domain.labelled()
    assert train.y.tolist() == [3, 3, 3, 3, 8, 8, 8, 8]
    assert train.group is not None
    assert train.group.tolist() == [0, 0, 1, 1] * 2
    pitch = torch.fft.rfft(train.read()).abs().argmax(1)
    assert (pitch - 100 * train.y).abs().max() <= 1


def test_what_can_be_missing_of_it(fsdd: Path, tmp_path: Path) -> None:
    for path in (fsdd / "fsdd" / "recordings").glob("*_[56].wav"):
        path.unlink()
    with pytest.raises(BadDataError, match=r"no recording of 'train' \(takes 0 to 4 are test, others train\)$"):
        load_domain("fsdd", fsdd)
    for path in (fsdd / "fsdd" / "recordings").glob("*_*_*.wav"):
        path.unlink()
    with pytest.raises(MissingDataError, match=r"no recordings like 0_jackson_0\.wav in"):
        load_domain("fsdd", fsdd)
    with pytest.raises(MissingDataError, match=r"fsdd: no fsdd/recordings in"):
        load_domain("fsdd", tmp_path / "fsdd")


def fill(folder: Path, *, speakers: tuple[str, ...] = ("",), takes: int = 5, words: tuple[str, ...] = ("no", "yes")):
    for number, word in enumerate(words):
        for speaker in speakers:
            for take in range(takes):
                write(folder / word / speaker / f"{take}.wav", tone(hertz=300 + 200 * number + take))
    return folder


def test_ones_own_folders_of_words_and_speakers(tmp_path: Path) -> None:
    domain = load_domain(fill(tmp_path / "said", speakers=("ann", "bob")))
    assert (domain.classes, domain.groups, domain.group_kind) == (("no", "yes"), ("ann", "bob"), "speaker")
    assert {split: torch.bincount(part.y).tolist() for split, part in domain.splits.items()} == {
        "train": [8, 8],
        "test": [2, 2],
    }
    for part in domain.splits.values():
        for path, label, group in zip(part.x.paths, part.y, part.group):
            assert path.parts[-3:-1] == (domain.classes[label], domain.groups[group])
    assert domain.backbone == "speech-cnn"
    alone = load_domain(f"{tmp_path / 'said'}?group=bob")
    assert [len(part) for part in alone.splits.values()] == [10]


def test_ones_own_folders_without_speakers_and_with_splits(tmp_path: Path) -> None:
    domain = load_domain(fill(tmp_path / "said"))
    assert (domain.groups, domain.splits["train"].group) == ((), None)
    assert [len(part) for part in domain.splits.values()] == [8, 2]
    fill(tmp_path / "split" / "train", speakers=("bob", "cy"))
    fill(tmp_path / "split" / "test", speakers=("ann",), takes=2)
    split = load_domain(tmp_path / "split")
    assert split.groups == ("ann", "bob", "cy")
    assert {name: part.group.unique().tolist() for name, part in split.splits.items()} == {"train": [1, 2], "test": [0]}
    loose = load_domain(tmp_path / "said", unlabelled=True)
    assert (loose.classes, [len(part) for part in loose.splits.values()]) == ((), [8, 2])
    assert loose.unlabelled().read().shape == (8, 8000)


def test_what_ones_own_folder_can_lack(tmp_path: Path, draw: Callable[..., Path]) -> None:
    mixed = fill(tmp_path / "mixed")
    write(mixed / "no" / "ann" / "0.wav", tone())
    with pytest.raises(
        BadDataError, match=r"^no/0\.wav lies in no speaker's folder, others do: put it into LABEL/SPEAK"
    ):
        load_domain(mixed)
    draw(mixed / "no" / "cat.png")
    with pytest.raises(
        BadDataError, match=r"holds images \(no/cat\.png\) and recordings \(no/0\.wav\): keep them in two"
    ):
        load_domain(mixed)
    with pytest.raises(BadDataError, match=r"one class only .*for recordings without labels pass --unlabelled"):
        load_domain(fill(tmp_path / "one", words=("no",)))
    write(tmp_path / "flat" / "0.wav", tone())
    with pytest.raises(BadDataError, match="flat has recordings but no class folders: put them into one sub-folder a"):
        load_domain(tmp_path / "flat")
    (fill(tmp_path / "hollow") / "maybe").mkdir()
    with pytest.warns(LandbridgeWarning, match="maybe holds no recordings: it is not taken as a class"):
        assert load_domain(tmp_path / "hollow").classes == ("no", "yes")


def test_a_table_of_recordings(tmp_path: Path, draw: Callable[..., Path]) -> None:
    fill(tmp_path, takes=5)
    rows = [f"{word}/{take}.wav,{word},{'ann' if take < 3 else 'bob'}" for word in ("no", "yes") for take in range(5)]
    table = tmp_path / "said.csv"
    table.write_text("\n".join(["path,label,group", *rows]))
    domain = load_domain(table)
    assert (domain.groups, domain.group_kind, domain.classes) == (("ann", "bob"), "speaker", ("no", "yes"))
    assert {len(load_domain(f"{table}?group={name}").labelled()) for name in ("ann", "bob")} == {6, 4}
    draw(tmp_path / "cat.png")
    table.write_text("\n".join(["path,label,group", *rows, "cat.png,no,ann"]))
    with pytest.raises(BadDataError, match=r"said\.csv, row 12: name images or recordings, not both$"):
        load_domain(table)


@pytest.mark.data
def test_the_real_recordings(data_root: Path) -> None:
    domain = load_domain("fsdd", data_root)
    assert {split: len(part) for split, part in domain.splits.items()} == {"train": 2700, "test": 300}
    assert domain.groups == ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    assert domain.note == ""
    ready = domain.prepared(None)
    assert ready.skipped == ()
    everything = ready.unlabelled("all")
    cells = torch.stack([torch.cat([part.y for part in ready.splits.values()]), everything.group])
    assert cells.unique(dim=1, return_counts=True)[1].tolist() == [50] * 60
    waves = everything.read()
    energy = waves.double().square().sum(1) / (waves != 0).sum(1)
    assert energy.sqrt().sub(LEVEL).abs().max() < 0.05 * LEVEL  # zeros inside a recording are counted as padding here
    for name in domain.groups:
        assert len(load_domain(f"fsdd?group={name}", data_root).labelled()) == 500
        rest = load_domain(f"fsdd?without-group={name}", data_root)
        assert {split: len(part) for split, part in rest.splits.items()} == {"train": 2250, "test": 250}
