"""Word-level tokenizers for closed vocabularies, in the Hugging Face file format."""

from collections.abc import Sequence

from tokenizers import Tokenizer, models, pre_tokenizers


def closed_tokenizer(specials: Sequence[str], words: Sequence[str]) -> Tokenizer:
    """A tokenizer with one token per word, words separated by spaces; ids follow `specials`, then `words`."""
    vocab = {word: place for place, word in enumerate((*specials, *words))}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(specials))
    return tokenizer
