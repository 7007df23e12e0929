"""Any masked language model of transformers (BERT, RoBERTa, ModernBERT, ...) as a network for the samplers.

Such a model was trained to fill a few blanks in a given text, not to write one from scratch; it can be sampled all the
same. No code of the model's repository is run.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from remdm.models.network import Network
from remdm.sampling.transfer import sent

if TYPE_CHECKING:  # transformers takes seconds to import, and most runs need none of it
    from transformers import PreTrainedTokenizerBase


COMPILED = {r"^(?:module\.|_orig_mod\.)+": ""}
"""What torch.compile and DataParallel put before the names of tensors, and what stands there instead."""


class MaskedLM(Network):
    """A model of transformers: `hidden` computes logits at all positions, and `head` passes on rows of them.

    `never` are the ids that are not written: special tokens, for which no blank stood in training, and ids without a
    token.
    """

    def __init__(self, model: nn.Module, pad_id: int | None, never: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        self.pad_id = pad_id
        self.never = never

    @property
    def entries(self) -> int:
        """How many ids its vocabulary has."""
        config: Any = self.model.config
        return int(config.vocab_size)

    @property
    def length(self) -> int:
        """The longest sequence: RoBERTa and its like keep the first rows of their table of positions for padding."""
        tables = [
            table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
            for name, table in self.model.named_modules()
            if isinstance(table, nn.Embedding) and "position_embeddings" in name
        ]
        return min([getattr(self.model.config, "max_position_embeddings", None) or 512, *tables])

    def hidden(self, tokens: Tensor) -> Tensor:
        """Logits `[B, L, V]`."""
        seen = torch.ones_like(tokens) if self.pad_id is None else (tokens != self.pad_id).long()
        return self.model(input_ids=tokens, attention_mask=seen).logits

    def head(self, hidden: Tensor) -> Tensor:
        """Rows of logits `[n, V]`, minus infinity at the ids that are never written."""
        return hidden.index_fill(-1, sent(torch.tensor(self.never, dtype=torch.long), hidden.device), -torch.inf)


def load_masked_lm(
    folder: Path, dtype: torch.dtype, device: torch.device | str
) -> tuple[MaskedLM, "PreTrainedTokenizerBase"]:
    """The network and its tokenizer (of transformers) from a folder as the hub has it.

    Raises:
        ValueError: if transformers does not know this kind of model as a masked language model, if weights are
            lacking, or if its tokenizer has no mask.
    """
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    only = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **only)
        model, report = AutoModelForMaskedLM.from_pretrained(
            folder, dtype=dtype, output_loading_info=True, key_mapping=COMPILED, **only
        )
    except (ValueError, OSError, KeyError, TypeError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"{folder.name} is not a masked language model that transformers can load: {reason}"
        ) from error
    missing = sorted({str(name) for name in (*report["missing_keys"], *report["mismatched_keys"])})
    if missing:
        some = ", ".join(missing[:3])
        raise ValueError(
            f"{folder.name} lacks {len(missing)} weights of a masked language model, or has others: {some}"
        )
    if tokenizer.mask_token_id is None:
        raise ValueError(f"{folder.name} has a tokenizer without a mask, so nothing can be masked")
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(f"{folder.name} has a slow tokenizer only; a model with a tokenizer.json is needed")
    idle = range(len(tokenizer), model.config.vocab_size)  # vocabularies are padded to round numbers
    never = tuple(sorted({*tokenizer.all_special_ids, *idle} - {tokenizer.mask_token_id}))
    network = MaskedLM(model.to(device), tokenizer.pad_token_id, never)
    return network.eval().requires_grad_(False), tokenizer
