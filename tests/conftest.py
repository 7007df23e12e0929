"""One thread: the tests are small, and their numbers should not depend on the machine's cores."""

import torch

torch.set_num_threads(1)
