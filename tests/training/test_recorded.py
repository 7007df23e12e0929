"""Recorded gradients, with a recording that is pretended: tests/gpu has a real one."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn

from remdm.training.recorded import AFTER, Recorded


class Step:
    """Gradients of a linear model, and what stands for their recording: computed anew on each replay."""

    def __init__(self, monkeypatch, wrong: float = 1.0, fails: bool = False) -> None:
        torch.manual_seed(0)
        self.network, self.computed = nn.Linear(3, 1), 0
        step = self

        class Graph:
            def replay(self) -> None:
                step.recorded._loss.copy_(step(*step.recorded._inputs))
                for each in step.network.parameters():
                    each.grad.mul_(wrong)

        @contextmanager
        def graph(*_given, **_named):
            if fails:
                raise RuntimeError("operation not permitted\nwhen recording")
            yield

        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "graph", graph)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        self.recorded = Recorded(self, self.network)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.computed += 1
        self.network.zero_grad(set_to_none=True)
        loss = self.network(x).square().mean()
        loss.backward()
        return loss.detach()

    def gradient(self) -> torch.Tensor:
        return self.network.weight.grad.clone()


def same_as_computed(step: Step) -> None:
    for row in torch.randn(2 * AFTER, 4, 3):
        loss, gradient = step.recorded(row).clone(), step.gradient()
        assert torch.equal(loss, step(row)) and torch.equal(gradient, step.gradient())


def test_a_recorded_step_reads_each_new_batch(monkeypatch):
    step = Step(monkeypatch)
    same_as_computed(step)
    assert not step.recorded.refused and step.recorded._graph


@pytest.mark.parametrize("fault, why", [({"wrong": -1.0}, "cosine"), ({"fails": True}, "operation not permitted")])
def test_what_cannot_be_recorded_is_computed(fault, why, monkeypatch):
    step = Step(monkeypatch, **fault)
    same_as_computed(step)
    assert why in step.recorded.refused and "\n" not in step.recorded.refused
