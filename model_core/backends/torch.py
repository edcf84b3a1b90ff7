"""A Hugging Face ELECTRA classifier in PyTorch, for GPUs or checkpoints without an ONNX graph."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import ElectraForSequenceClassification

from model_core.backends.attention import rate
from model_core.cache import Caches, EncoderCache, FloatArray
from model_core.checkpoint import CheckpointConfig
from model_core.classifier import Variants
from model_core.errors import CheckpointError, one_line
from model_core.plurals import counted


class TorchBackend:
    """Runs in float32 on a CPU and in float16 on CUDA."""

    def __init__(self, folder: Path, config: CheckpointConfig, pad_id: int, threads: int) -> None:
        self._config = config
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._pad_id = pad_id
        torch.set_num_threads(threads)
        try:
            model, report = ElectraForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
        except Exception as error:  # The exceptions of transformers and safetensors have no common base class.
            raise CheckpointError(f"transformers cannot load {folder}: {one_line(error)}") from error
        if missing := len(report["missing_keys"]):
            # Hugging Face would initialise missing weights at random with only a warning.
            raise CheckpointError(
                f"{folder} is not a whole ELECTRA classifier, it lacks {counted(missing, 'weight')}: "
                f"fine-tune it by python -m training.finetune --init {folder}"
            )
        dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        self._model = model.to(device=self._device, dtype=dtype).eval()

    @torch.inference_mode()
    def logits(self, input_ids: Sequence[tuple[int, ...]], caches: Caches = None) -> FloatArray:
        """Return logits [texts, labels] of one padded batch. Every text is encoded whole; caches are not used."""
        logits = rate(self._model, input_ids, self._pad_id, self._config)
        return np.asarray(logits.float().cpu().numpy())

    def advance(self, input_ids: Sequence[tuple[int, ...]], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        """Leave all to ``logits``."""
        return [0] * len(input_ids)

    def advance_variants(self, variants: Variants, tokens: int) -> bool:
        """Leave all to ``logits``."""
        return False

    def cached(self, input_ids: tuple[int, ...], cache: EncoderCache) -> int:
        """Return 0: every text is encoded whole."""
        return 0
