"""Muon for the matrices of the blocks: momentum whose singular values are brought near one.

Matrices of one shape go together, and the rate is a tensor, so that a whole training step fits in a CUDA graph. The
scale matches AdamW's, so that rates can be compared (K. Jordan et al., 2024; J. Liu et al., 2025, "Muon is scalable").
"""

import torch

MOMENTUM = 0.95
DECAY = 0.01
QUINTIC = (3.4445, -4.7750, 2.0315)  # an odd polynomial that takes (0, 1] close to 1 when applied five times
ITERATIONS = 5


def orthogonal(x):
    """About U Vᵀ of each matrix's singular value decomposition; x [N, rows <= columns, columns]."""
    a, b, c = QUINTIC
    x = x.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x


class Muon:
    def __init__(self, parameters, rate):
        self.rate = rate  # a tensor
        self.groups = {}
        for p in parameters:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.momentum = {shape: torch.zeros(len(group), *shape, device=group[0].device) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self):
        for shape, group in self.groups.items():
            gradient, momentum = torch.stack([p.grad for p in group]), self.momentum[shape]
            momentum.lerp_(gradient, 1 - MOMENTUM)
            update = gradient.lerp(momentum, MOMENTUM)
            update = orthogonal(update.mT).mT if shape[0] > shape[1] else orthogonal(update)
            update = update.float() * (-0.2 * max(shape) ** 0.5 * self.rate)
            torch._foreach_mul_(group, 1 - DECAY * self.rate)
            torch._foreach_add_(group, list(update.unbind()))

    def state_dict(self):
        return {"momentum": self.momentum}

    def load_state_dict(self, state):
        for shape, momentum in state["momentum"].items():
            self.momentum[shape].copy_(momentum)
