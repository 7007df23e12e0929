"""Training that is over at once."""

from remdm.domains.beads.domain import COLOURS, SPECIALS, network

from remdm.models.checkpoints import save_embedded
from remdm.models.vocabulary import closed_tokenizer

TRAINERS = {
    "beads": lambda folder, recipe: save_embedded(
        folder, network(), closed_tokenizer(SPECIALS, COLOURS), 0, {"minutes": recipe.minutes}
    )
}
