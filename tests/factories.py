"""What several tests make: a tiny ELECTRA checkpoint, a tiny dataset. All in code, nothing fetched."""

import io
import itertools
import random
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from transformers import ElectraConfig, ElectraForSequenceClassification

from model_core.checkpoint import TOKENIZER_FILE, CheckpointConfig, write_config
from model_core.labels import CLASS_OF_STARS, ID2LABEL, LABEL2ID
from tests.tiny import TINY_TOKENS, tiny_config, tiny_tokenizer
from training.data import Review
from training.export import export


def tiny_model(seed: int = 0, **architecture: Any) -> ElectraForSequenceClassification:
    """An ELECTRA classifier of two layers with random weights, larger than at a usual start so that inputs matter."""
    options: dict[str, Any] = {
        "vocab_size": tiny_tokenizer().get_vocab_size(),
        "embedding_size": 32,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": TINY_TOKENS,
        "initializer_range": 0.2,
        "id2label": ID2LABEL,
        "label2id": LABEL2ID,
        **architecture,
    }
    torch.manual_seed(seed)
    model = ElectraForSequenceClassification(ElectraConfig(**options)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "LayerNorm" in name:  # All zeros or all ones at a start, which hides mistakes.
                parameter += 0.1 * torch.randn_like(parameter)
    return model


def write_hugging_face(folder: Path, model: Any) -> Path:
    """Save what Hugging Face would save: weights, config and tokenizer, with nothing of Starcast's own."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tiny_tokenizer().save(str(folder / TOKENIZER_FILE))
    return folder


def write_tuned(folder: Path, seed: int = 0, config: CheckpointConfig | None = None, **architecture: Any) -> Path:
    """Save what ``training.finetune`` leaves: float32 weights and the Starcast entry, without digests."""
    model = tiny_model(seed, **architecture)
    write_hugging_face(folder, model)
    write_config(folder, config or tiny_config(), {**model.config.to_dict(), "architectures": [type(model).__name__]})
    return folder


def write_checkpoint(folder: Path, seed: int = 0, **architecture: Any) -> Path:
    """Write what serving loads: float16 safetensors, int8 ONNX, tokenizer, config with digests."""
    export(write_tuned(folder, seed, **architecture), folder)
    return folder


def make_review(number: int = 0, stars: int = 8, text: str = "a good film", film: str = "film/0") -> Review:
    """One review of the train part."""
    return Review("train", number, CLASS_OF_STARS[stars], text, film)


def separable_reviews(count: int, seed: int = 0) -> list[Review]:
    """Reviews of 1 or 10 stars that a single word tells apart, among others that say nothing."""
    rng = random.Random(seed)
    reviews = []
    for number, stars in zip(range(count), itertools.cycle((1, 10)), strict=False):
        words = rng.choices(("the", "film", "was", "a", "movie", "of", "plot", "and"), k=rng.randint(4, 12))
        words.insert(rng.randrange(len(words)), "awful" if stars == 1 else "great")
        reviews.append(make_review(number, stars, " ".join(words), film=f"film/{number // 3}"))
    return reviews


def dataset_files(films: int = 12, reviews_a_film: int = 3) -> dict[str, str]:
    """Files laid out like aclImdb: the same number of reviews for each part and sentiment, ratings in turn."""
    files = {"aclImdb/README": "Large Movie Review Dataset v1.0", "aclImdb/imdb.vocab": "the\nand"}
    for part, sentiment in itertools.product(("train", "test"), ("neg", "pos")):
        ratings = itertools.cycle([stars for stars in CLASS_OF_STARS if (stars > 5) == (sentiment == "pos")])
        addresses = []
        for number in range(films * reviews_a_film):
            word = "great" if sentiment == "pos" else "awful"
            files[f"aclImdb/{part}/{sentiment}/{number}_{next(ratings)}.txt"] = f"A {word} film, number {number}.<br />"
            addresses.append(f"http://www.imdb.com/title/{part}{sentiment}{number // reviews_a_film}/usercomments")
        files[f"aclImdb/{part}/urls_{sentiment}.txt"] = "\n".join(addresses) + "\n"
    files["aclImdb/train/unsup/0_0.txt"] = "Not labelled."
    files["aclImdb/train/urls_unsup.txt"] = "http://www.imdb.com/title/unsup/usercomments\n"
    return files


def write_dataset(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the files as the folder that the archive unpacks to."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "aclImdb"


def write_archive(path: Path, files: Mapping[str, str], names: Sequence[str] | None = None) -> Path:
    """Write the files as an archive, in the order of ``names``."""
    with tarfile.open(path, "w:gz") as archive:
        for name in names or list(files):
            content = files[name].encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def torch_logits(model: Any, input_ids: Sequence[int]) -> NDArray[np.float32]:
    """Logits [8] of one text, by Hugging Face's own code."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([input_ids])).logits[0]
    return np.asarray(logits.float().numpy())


def weights_of(model: torch.nn.Module) -> dict[str, NDArray[np.float32]]:
    """The weights as the ONNX graphs take them."""
    return {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}


def constants(proto: onnx.ModelProto) -> dict[str, Any]:
    """The constants of an ONNX graph by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def in_float(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same graph with integer products replaced by float32 ones, to check its structure."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    arrays = constants(proto)
    for node in copy.graph.node:
        if node.op_type == "QuantizeLinear":
            node.CopyFrom(helper.make_node("Identity", [node.input[0]], list(node.output), name=node.name))
        if node.op_type == "MatMulIntegerToFloat":
            source, weight, _, scales, *_ = node.input
            real = arrays[weight].astype(np.float32) * arrays[scales]
            copy.graph.initializer.append(numpy_helper.from_array(real, f"{weight}.float"))
            node.CopyFrom(helper.make_node("MatMul", [source, f"{weight}.float"], list(node.output), name=node.name))
    return copy
