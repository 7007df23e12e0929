"""The schedule bench: what the settings will do, drawn before anything is run and as the sliders move."""

from remdm.app.events import Values
from remdm.app.workbench.settings import Panel
from remdm.sampling.methods import Settings, build, largest_eta
from remdm.views.schedule import Outlook, drawing, sentence

NETWORK_TELLS = "How many tokens change in a step follows from the network: there is nothing to draw before."


def outlook(chosen: Settings, length: int) -> Outlook | None:
    """What a run of these settings will do with `length` free positions; None where only the network tells."""
    transition, walk = build(chosen)
    decoded = [length * step.alpha_t for step in walk]
    each_step = [transition.remasks(step, count, length) for step, count in zip(walk, decoded, strict=True)]
    remasks = [each for each in each_step if each is not None]
    if transition.ends or len(remasks) < len(each_step):
        return None
    sigmas = [remasked / count if count else 0.0 for remasked, count in zip(remasks, decoded, strict=True)]
    return Outlook([step.alpha_s for step in walk], sigmas, [step.sigma_max for step in walk], remasks, length)


class SchedulePreview:
    """The drawing in the settings of a domain."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        panel.outlook.value = self.drawn({each: each.value for each in panel.inputs})

    def drawn(self, values: Values) -> str:
        """The drawing for the settings as they stand; a sentence where they are invalid."""
        try:
            request = self.panel.requests(values)[0]
        except ValueError as error:
            return sentence(f"{error}.")
        bound, eta = largest_eta(request.settings), request.settings.values.get("eta", 0.0)
        note = sentence(f"η above {bound:.3f} has no effect here: σ is at its bound.") if bound and eta > bound else ""
        expected = outlook(request.settings, request.length)
        return sentence(NETWORK_TELLS) if expected is None else drawing(expected) + note
