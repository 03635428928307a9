"""x."""
import copy
import dataclasses
from dataclasses import dataclass
from typing import ClassVar
from spikeloom import codebooks
from spikeloom.train.compress import Compressed, Task
import torch
@dataclass(frozen=True, kw_only=True)
class Inq:
    bits: int = 4
    start: ClassVar[str] = "trained"
    def compress(self, model, task):
        model = copy.deepcopy(model)
        book = codebooks.make("pow2", exponents=2**(self.bits-2))
        for l in model.layers:
            w = l.synapses.latent.data
            n1 = torch.floor(torch.log2(4*w.abs().max()/3))-1
            step = 2**float(n1+1-2**(self.bits-1)/2)
            u = w.abs()/step
            e = torch.floor(torch.log2(4*u/3)).clamp(0, book.exponents-1)
            w.copy_(torch.where(u<0.5, 0, w.sign()*2**e*step))
            l.recode(book, step, membrane_bits=20)
        return Compressed(model=model, facts={})
METHOD=Inq
