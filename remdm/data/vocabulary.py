"""Word-level tokenizers for closed vocabularies, in the Hugging Face file format."""

from tokenizers import Tokenizer, models, pre_tokenizers

from remdm.data import storyworld

SPECIALS = ("<mask>", "<bos>", "<eos>", "<pad>")


def story_tokenizer() -> Tokenizer:
    """One token a word of the story world, words being parted by spaces; ids 0-3 are `<mask> <bos> <eos> <pad>`."""
    vocab = {word: place for place, word in enumerate((*SPECIALS, *storyworld.words()))}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer
