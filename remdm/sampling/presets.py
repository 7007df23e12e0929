"""The papers' samplers as a table: each is a choice of transition, rule, weighting and plan.

The parts combine freely; a name is a preset over them with its paper's defaults. To add a method, write a class in
remasking.py, time_grid.py or a module of its own, give it a row in its table in parts.py, and add a row to METHODS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from remdm.sampling.parts import TABLES

LONG = 1024
"""From this many steps on, the paper uses the eta of its long runs (section 5.1, Tables 1 and 6)."""


def _short_or_long(short: float, long: float) -> Callable[[int], dict[str, Any]]:
    return lambda n: {"eta": long if n >= LONG else short}


def _fixed(**values: Any) -> Callable[[int], dict[str, Any]]:
    return lambda n: values


@dataclass(frozen=True)
class Method:
    """A named sampler: its parts, its paper's defaults for n steps, and where they come from.

    `field` says that it is neither ReMDM's paper's own nor one that it compares with.
    """

    name: str
    title: str
    cite: str
    transition: str = "ancestral"
    rule: str = "never"
    weighting: str = "even"
    plan: str = "always"
    schedule: str = "linear"
    field: bool = False
    defaults: Callable[[int], Mapping[str, Any]] = _fixed()

    @property
    def parts(self) -> dict[str, str]:
        """Table name -> row name."""
        return {table: getattr(self, table) for table in TABLES}


_REMDM = "arXiv 2503.00307"
# One row a sampler, laid out by hand.
# fmt: off
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("mdlm", "MDLM", "arXiv 2406.07524, eq. 2"),
        Method("remdm-cap", "ReMDM-cap", f"{_REMDM}, section 4.1, Table 6",
               rule="cap", defaults=_short_or_long(0.04, 0.008)),
        Method("remdm-rescale", "ReMDM-rescale", f"{_REMDM}, section 4.1, Table 6",
               rule="rescale", defaults=_short_or_long(0.045, 0.015)),
        Method("remdm-conf", "ReMDM-conf", f"{_REMDM}, section 4.1: sigma_max, weighted by confidence; masked "
               "positions decode as in MDLM, so that more masks are left until late than in the others",
               rule="rescale", weighting="conf", defaults=_fixed(eta=1.0, masked_sigma="zero")),
        Method("remdm-conf-mean", "ReMDM-conf, marginals kept", f"ours, after {_REMDM}, section 4.1: as "
               "ReMDM-conf, but masked positions make up for what is remasked",
               rule="rescale", weighting="conf", defaults=_fixed(eta=1.0, masked_sigma="mean")),
        Method("remdm-switch", "ReMDM-switch", f"{_REMDM}, Algorithm 2; eta as for cap, t_switch ours",
               rule="cap", plan="switch", defaults=_short_or_long(0.04, 0.008)),
        Method("remdm-loop", "ReMDM-loop", f"{_REMDM}, section 4.1, Tables 1 and 6",
               rule="cap", plan="loop", defaults=_short_or_long(0.055, 0.02)),
        Method("fb", "Forward-backward", f"Campbell et al. 2022; {_REMDM}, Proposition 4.2", rule="fb"),
        Method("dfm", "DFM", f"Gat et al. 2024; {_REMDM}, Proposition 4.3", rule="dfm", plan="capped"),
        Method("maskgit", "MaskGIT", "arXiv 2202.04200: cosine schedule",
               transition="maskgit", schedule="maskgit-cosine",
               defaults=_fixed(nucleus_p=1.0, temperature=1.0, choice_temperature=4.5)),
        Method("llada", "LLaDA, sampled", f"arXiv 2502.09992, drawn at random as in {_REMDM}, Appendix D.4",
               transition="llada", defaults=_fixed(nucleus_p=1.0)),
        Method("llada-greedy", "LLaDA, greedy", "arXiv 2502.09992: the defaults of its generate.py, one block",
               transition="llada", defaults=_fixed(nucleus_p=1.0, temperature=0.0, block_length=0)),
        Method("llada-chat", "LLaDA, greedy in blocks", "arXiv 2502.09992: its chat and README, 128 tokens, 128 calls",
               transition="llada", defaults=_fixed(nucleus_p=1.0, temperature=0.0, block_length=32)),
        Method("remdm-llada", "ReMDM-LLaDA", f"{_REMDM}, Appendix D.4: 32 tokens in 64 steps, 28 + 32 + 4",
               transition="llada-loop", plan="draft", defaults=_fixed(nucleus_p=1.0, swaps=1)),
        Method("llada-dfm", "LLaDA-DFM", f"{_REMDM}, Appendix D.4; its code is not public, so details are ours",
               transition="llada-swap", defaults=_fixed(nucleus_p=1.0, swaps=1)),
        Method("star", "Star-shaped", "arXiv 2510.08369: all is forgotten alike, between t_on and t_off",
               field=True, rule="star", plan="window"),
        Method("rcr", "RCR", "arXiv 2508.13148; temperature and nucleus as in the comparison of arXiv 2510.05090",
               field=True, transition="rcr", defaults=_fixed(nucleus_p=0.9, temperature=0.3)),
        Method("p2", "P2", "arXiv 2502.03540, Algorithm 1: by the network's own probabilities",
               field=True, transition="p2", defaults=_fixed(nucleus_p=1.0)),
        Method("margin", "Top-k margin", "arXiv 2502.06768: LLaDA, ordered by p1 - p2",
               field=True, transition="llada", defaults=_fixed(nucleus_p=1.0, order="margin")),
        Method("entropy", "Lowest entropy", "Dream, arXiv 2508.15487: LLaDA, ordered by entropy",
               field=True, transition="llada", defaults=_fixed(nucleus_p=1.0, order="entropy")),
        Method("eb", "EB-Sampler", "arXiv 2505.24857: as many tokens as an entropy bound allows",
               field=True, transition="entropy-bound", defaults=_fixed(nucleus_p=1.0)),
        Method("threshold", "Fast-dLLM, threshold", "arXiv 2505.22618: all tokens of 0.9 and more at once",
               field=True, transition="threshold", defaults=_fixed(nucleus_p=1.0)),
        Method("factor", "Fast-dLLM, factor", "arXiv 2505.22618: the more tokens, the surer each",
               field=True, transition="factor", defaults=_fixed(nucleus_p=1.0)),
        Method("halton", "Halton", "arXiv 2503.17076: tokens far from each other first",
               field=True, transition="halton", schedule="arccos", defaults=_fixed(nucleus_p=1.0)),
        Method("klass", "KLASS", "arXiv 2511.05664: its confidence and KL threshold for code, history 2",
               field=True, transition="klass", defaults=_fixed(nucleus_p=1.0)),
        Method("tolerator", "Tolerator", "arXiv 2510.05090: half of the steps draft at temperature 0.5, half refine",
               field=True, transition="refill", plan="refine", defaults=_fixed(nucleus_p=1.0, temperature=0.5)),
        Method("gibbs", "Masked Gibbs corrector", "after arXiv 2605.22765, absorbing case; when and how many is ours",
               field=True, transition="gibbs", plan="correct", defaults=_fixed(nucleus_p=1.0)),
        Method("wino", "WINO", "ICLR 2026, after its public code; tokens hidden where it masks attention",
               field=True, transition="wino", defaults=_fixed(nucleus_p=1.0)),
        Method("saber", "Saber", "arXiv 2510.18165: threshold by the mean so far, 2 tokens a step at least",
               field=True, transition="saber", defaults=_fixed(nucleus_p=1.0)),
        Method("t2m", "Token-to-mask", "arXiv 2604.18738: tokens below 0.1 go back, three times at most",
               field=True, transition="t2m", defaults=_fixed(nucleus_p=1.0)),
        Method("annealed", "Annealed", "ours: forgets all alike (arXiv 2510.08369), decodes the most confident first",
               field=True, transition="annealed", plan="odds"),
        Method("prism", "PRISM", "arXiv 2510.01384: a trained head chooses, in the second half; as many as ReMDM-cap",
               field=True, transition="prism", defaults=_short_or_long(0.04, 0.008)),
    )
}
# fmt: on
"""Every sampler by the name it has in flags, addresses, files and on the page."""
